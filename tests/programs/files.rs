//! A shell, the tools for files, archives, and what keeps versions of them.

use crate::common::Scene;
use crate::{bash, need};

#[test]
fn a_shell_with_jobs_and_substitutions() {
    need!("bash");
    let scene = Scene::new();
    let script = r#"
        set -m
        sleep 1000 & job=$!
        kill -STOP %1
        until [[ $(jobs) == *Stopped* ]]; do sleep 0.01; done
        echo stopped
        bg %1 >/dev/null
        until [[ $(jobs) == *Running* ]]; do sleep 0.01; done
        kill %1
        wait $job || echo $?
        diff <(seq 3) <(printf '1\n2\n3\n') && echo same
        tee >(cat >/tmp/copy) <<<text >/dev/null; wait $!; cat copy
        coproc cat; echo there >&${COPROC[1]}; read -r line <&${COPROC[0]}; echo $line
        mapfile -t lines < <(seq 3); echo ${#lines[@]}
        (ulimit -c 0; ulimit -n 100; ulimit -n)
        trap 'echo trapped' USR1; kill -USR1 $$; echo x | cat - /dev/fd/3 3<<<y
    "#;
    let said = bash(&scene, &[], script);
    assert_eq!(said, "stopped\n143\nsame\ntext\nthere\n3\n100\ntrapped\nx\ny");
}

/// Everything of a tree that a copy has to keep.
const TREE: &str = r#"
    umask 022
    mkdir -p tree/deep/deeper tree/closed
    echo text >tree/file; ln -s file tree/link; ln -s /nowhere tree/dangling; ln tree/file tree/hard
    mkfifo tree/pipe; chmod 0640 tree/file; chmod 1777 tree/deep; chmod 0500 tree/closed
    truncate -s 10M tree/sparse; echo end >>tree/sparse
    touch -d 2001-02-03T04:05:06.789 tree/deep/old; touch -h -d 2002-02-02 tree/link
    touch -d 2003-03-03 tree/deep/deeper tree/deep tree/closed tree
    look() { (cd "$1" && find . -printf '%p %y %m %l %n %s %T@\n' | sort); }
"#;

#[test]
fn trees_are_copied_and_archived_as_they_are() {
    let scene = Scene::new();
    let script = r#"
        look tree >before
        cp -a tree copy; look copy | cmp before -
        cp -a --reflink=auto --sparse=always tree again; look again | cmp before -
        tar -C tree --format=posix -cf tree.tar .
        mkdir out; tar -C out -xpf tree.tar; look out | cmp before -
        gzip -k tree.tar; gzip -dc tree.tar.gz | cmp tree.tar -
        mv tree moved; look moved | cmp before -
        find moved -type f -exec sha256sum {} + | sort >sums; sha256sum --quiet -c sums
        wc -l <before
    "#;
    assert_eq!(bash(&scene, &[], &format!("{TREE}{script}")), "11");
}

#[test]
fn files_are_installed_changed_and_removed() {
    let scene = Scene::new();
    let script = r#"
        echo '#!/bin/sh' >tool; echo 'echo $0' >>tool
        install -D -m 755 -o root -g root tool /tmp/bin/tool; install -d -m 700 private
        /tmp/bin/tool; stat -c %a bin/tool private
        seq 1000 | shuf | sort -n --parallel=2 | tail -1
        split -n 3 /usr/bin/env part.; cat part.* | cmp /usr/bin/env -
        dd if=/dev/zero of=zeros bs=1M count=4 conv=fsync status=none; fallocate -l 1M filled
        truncate -s 0 zeros; sync zeros; timeout 20 true; nice -n 5 nice; nproc >/dev/null
        flock lock echo locked; mktemp -d >/dev/null; df /tmp >/dev/null; id -u
        chgrp root tool; chown root:root tool; stdbuf -oL echo fine
        rm -rf bin private; ls -A | wc -l
    "#;
    assert_eq!(bash(&scene, &[], script), "/tmp/bin/tool\n755\n700\n1000\n5\nlocked\n0\nfine\n9");
}

#[test]
fn a_repository_is_cloned_changed_and_packed() {
    need!("git");
    let scene = Scene::new();
    let script = r#"
        export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
        git init -q -b main first; cd first
        for n in 1 2 3; do echo $n >file$n; git add .; git commit -q -m "$n"; done
        git checkout -q -b side HEAD~1; echo other >other; git add .; git commit -q -m other
        git checkout -q main; git merge -q -m merged side
        cd ..; git clone -q first second; git clone -q --bare --no-local first third.git
        cd second; echo more >>file1; git commit -q -a -m more; git push -q origin HEAD:refs/heads/pushed
        git stash list; git gc -q --prune=now; git fsck --strict 2>/dev/null; git worktree add -q ../tree
        git log --oneline | wc -l; git -C ../first branch --list pushed; git grep -c . | wc -l; git diff --stat HEAD~1 | tail -1
    "#;
    assert_eq!(bash(&scene, &[], script), "6\n  pushed\n4\n 1 file changed, 1 insertion(+)");
}
