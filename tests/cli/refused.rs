//! What is refused: exit code, one line that says what, one with what to type instead.

use crate::common::Scene;

/// Exit code, the words of the error, the words of the hint: through the program, and nothing on standard output.
#[test]
fn misuse_is_refused_with_a_hint() {
    let scene = Scene::new();
    for (line, what, hint) in [
        ("start", "start needs the name", "kakuri list"),
        ("registry", "'kakuri registry' needs a verb", "--help"),
        ("registry logn", "no 'logn'", "registry login"),
        ("registry login a b", "'b'", "registry login"),
        ("registry login -u", "'-u' needs a value", "USER"),
        ("registry login -u a:b", "'a:b'|colon", "--password-stdin"),
        ("registry login --password-stdin quay.io", "whose password", "-u USER"),
        ("registry login --tls-verify=maybe quay.io", "'maybe'", "--tls-verify=false"),
        ("registry login --authfile= quay.io", "--authfile", "PATH"),
        ("registry logout --all quay.io", "'quay.io'", "logout quay.io"),
        ("login", "no verb 'login'", "kakuri registry login|kakuri -- login"),
        ("login -u me quay.io", "no verb 'login'", "kakuri registry login quay.io"),
        ("logout quay.io", "no verb 'logout'", "kakuri registry logout quay.io"),
        ("exec", "exec needs the name", "kakuri exec NAME"),
        ("exec web", "exec web needs a command", "kakuri shell web"),
        ("exec -it web", "needs a command", "kakuri shell web"),
        ("shell", "shell needs the name", "kakuri list"),
        ("shell web bash", "'bash'", "kakuri exec"),
        ("attach a b", "'b'", "kakuri attach"),
        ("stop", "stop needs the name", "NAME"),
        ("stop --all web", "'web'", "kakuri stop web"),
        ("stop -s SIGNONE web", "'SIGNONE'", "TERM"),
        ("stop --time soon web", "'soon'", "seconds"),
        ("remove", "remove needs the name", "NAME"),
        ("logs", "logs needs the name", "NAME"),
        ("logs -n many web", "'many'", "--tail all|-n 100"),
        ("logs --since yesterday web", "'yesterday'", "10m"),
        ("logs --since 10 --until 5 web", "--until is before --since", "exchange"),
        ("list web", "'web'", "--filter name=web"),
        ("list --format jsom", "'jsom'", "json"),
        ("list --filter running", "'running'", "status=running"),
        ("inspect", "inspect needs the name", "NAME"),
        ("create my/web", "'my/web'", "my-web"),
        ("create .web", "'.web'", "web"),
        ("create --name -x true", "'-x'", "call it x"),
        ("--name a/b true", "'a/b'", "a-b"),
        ("create a --name b", "'b'|two names", "create"),
        ("create --replace", "--replace", "NAME"),
        ("--replace true", "--replace", "--name"),
        ("create -d web", "'-d'|-d", "start -d|--help"),
        ("create --detach web", "--detach", "start -d"),
        ("create --pass-fd 5 web", "--pass-fd", "start"),
        ("create --explain web", "--explain", "kakuri --explain"),
        ("start --name x web", "--name", "kakuri start NAME"),
        ("start --rm web", "--rm", "kakuri remove"),
        ("start --replace web", "--replace", "create --replace"),
        ("start --base none web", "--base", "create --replace --base"),
        ("start --bnd a:/b web", "--bnd", "--bind"),
        ("start --hostname two_words web", "'two_words'", "letters"),
        ("exec --bind a:/b web ls", "--bind", "kakuri start"),
        ("exec --wrkdir / web ls", "--wrkdir", "--workdir"),
        ("exec -Q web ls", "-Q", "kakuri exec --help"),
        ("stop --tail 3 web", "stop takes no --tail", "logs"),
        ("container", "needs a verb", "--help"),
        ("container lss", "'lss'", "container ls"),
        ("container remov web", "'remov'", "remove"),
        ("container rename web", "two names", "NEW-NAME"),
        ("container rename web a/b", "'a/b'", "a-b"),
        ("container top web aux", "'aux'", "NAME"),
        ("container start a b", "'b'", "kakuri start -d a b"),
        ("container cp a", "two paths", "NAME:PATH"),
        ("container cp a b", "neither 'a' nor 'b'", "NAME:PATH"),
        ("container cp a:/x b:/y", "both in containers", "container cp -"),
        ("container cp a: b", "'a:'", "NAME:PATH"),
        ("container cp :x b", "':x'", "NAME:PATH"),
        ("container kill", "kill needs the name", "NAME"),
        ("container wait", "wait needs the name", "NAME"),
        ("completion", "name of a shell", "bash|zsh"),
        ("completion tcsh", "'tcsh'", "bash"),
        ("completion man", "folder", "man1"),
        ("attach --detach-keys ctrl-1 web", "'ctrl-1'", "ctrl-p,ctrl-q"),
        ("vpn show", "show needs the name", "NAME"),
        ("pull", "needs the name of an image", "kakuri images"),
        ("pull No:Such", "No:Such", "no:Such"),
        ("image", "needs a verb", "--help"),
        ("image list extra", "takes no 'extra'", "kakuri image inspect extra"),
        ("image lss", "'lss'", "image ls"),
        ("version now", "'now'", "kakuri version"),
        ("doctor --jsn", "--jsn", "--json"),
    ] {
        let output = scene.kakuri(line.split_whitespace()).output();
        let said = output.err();
        let lines: Vec<&str> = said.trim_end().lines().collect();
        assert_eq!(output.code(), 125, "{line}: {output}");
        assert!(output.stdout.is_empty(), "{line}: {output}");
        assert_eq!(lines.len(), 2, "{line}: {output}");
        assert!(what.split('|').any(|w| lines[0].contains(w)), "{line}: {output}");
        assert!(lines[1].starts_with("  hint: ") && hint.split('|').any(|h| lines[1].contains(h)), "{line}: {output}");
    }
    for words in [&["start", "web", ""][..], &["exec", "web", ""], &["create", "web", ""], &["stop", ""]] {
        scene.kakuri(words).output().refused(125, &["empty"]).hints(&["kakuri"]);
    }
    let long = "x".repeat(65);
    scene.kakuri(["create", &long]).output().refused(125, &["longer than 64"]).hints(&["call it xxx"]);
}
