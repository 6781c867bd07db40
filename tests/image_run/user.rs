//! Who the command is: docker's forms of User, by the image's own files.

use serde_json::json;

use crate::common::Scene;
use crate::layout::{Layout, base};
use crate::{forms, run, said};

#[test]
fn every_form_of_a_user() {
    let scene = Scene::new();
    let Some(base) = base() else { return };
    let mut layout = Layout::new(&scene);
    let table = [
        ("", "0:0", "0", "/root"),
        ("root", "0:0", "0", "/root"),
        ("app", "1000:1001", "1001 2000 2001", "/home/app"),
        ("app:extra", "1000:2000", "2000", "/home/app"),
        ("app:5", "1000:5", "5", "/home/app"),
        ("1000", "1000:1001", "1001 2000 2001", "/home/app"),
        ("1000:1000", "1000:1000", "1000", "/home/app"),
        // Without a line in passwd a number is of root's group.
        ("4242", "4242:0", "0", "/"),
        ("4242:extra", "4242:2000", "2000", "/"),
        ("77", "77:78", "78", "/nowhere"),
    ];
    for form in forms() {
        for (n, (user, ids, groups, home)) in table.iter().enumerate() {
            let image = layout.image(&format!("u{n}"), [base.clone()], json!({ "User": user }));
            let script = "echo $(id -u):$(id -g); id -G; echo $HOME";
            let text = said(&scene, form, &image, &["sh", "-c", script]);
            let lines: Vec<&str> = text.lines().collect();
            assert_eq!((lines[0], lines[2]), (*ids, home_of(form, user, home)), "{form} {user}: {text}");
            if form == "range" {
                assert_eq!(lines[1], *groups, "{user}");
            }
        }
    }
}

/// With one id whoever it is called may enter root's home.
fn home_of<'a>(form: &str, user: &str, home: &'a str) -> &'a str {
    if form == "single" && user.starts_with("4242") { "/root" } else { home }
}

#[test]
fn who_is_named_on_the_command_line_wins() {
    let scene = Scene::new();
    let Some(base) = base() else { return };
    let image = Layout::new(&scene).image("u", [base], json!({ "User": "app" }));
    for form in forms() {
        let id = |more: &[&str]| said(&scene, form, &image, &[more, &["sh", "-c", "echo $(id -u):$(id -g)"]].concat());
        assert_eq!(id(&["-u", "0"]), "0:0", "{form}");
        assert_eq!(id(&["-u", "lone"]), "77:78", "{form}");
        assert_eq!(id(&["-u", "root:extra"]), "0:2000", "{form}");
        assert_eq!(id(&["-u", "9:10"]), "9:10", "{form}");
    }
}

#[test]
fn a_user_the_image_lacks_is_refused_with_those_it_has() {
    let scene = Scene::new();
    let Some(base) = base() else { return };
    let mut layout = Layout::new(&scene);
    for (user, what) in
        [("ghost", "no user 'ghost'"), ("app:ghosts", "no group 'ghosts'"), ("4294967295", "no user '42")]
    {
        let image = layout.image("u", [base.clone()], json!({ "User": user }));
        let said = run(&scene, "single", &image, &["--pull", "always", "true"]);
        assert_eq!(said.code(), 125, "{said}");
        assert!(said.err().contains(what) && said.err().contains("root, app"), "{said}");
    }
}

#[test]
fn the_caller_keeps_his_id_where_he_wants() {
    let scene = Scene::new();
    let Some(base) = base() else { return };
    let image = Layout::new(&scene).image("u", [base], json!({ "User": "app" }));
    let own = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").unwrap()).to_string();
    for form in forms() {
        let form = format!("{form},keep-id");
        assert_eq!(said(&scene, &form, &image, &["id", "-u"]), own, "{form}");
    }
}
