use super::facts::{Facts, Outer, field, has_root, is_confined, is_elsewhere, is_nested, is_unmapped};
use super::{Cause, find, mend};

/// A plain desktop where everything is as it should be, and yet this errno.
fn plain(errno: i32) -> Facts {
    Facts {
        errno,
        built: true,
        limit: Some(60000),
        seccomp: Some(0),
        program: "/usr/bin/kakuri".into(),
        ..Facts::default()
    }
}

fn told(facts: &Facts) -> (Cause, String, String) {
    let cause = find(facts);
    (cause, mend::reason(cause, facts), mend::hint(cause, facts))
}

#[test]
fn debian_switch() {
    let facts = Facts { switched_off: Some(true), ..plain(libc::EPERM) };
    let (cause, reason, hint) = told(&facts);
    assert_eq!(cause, Cause::Switch);
    assert!(reason.contains("kernel.unprivileged_userns_clone is 0"), "{reason}");
    assert!(hint.starts_with("sudo sysctl -w kernel.unprivileged_userns_clone=1 (to keep it: echo kernel."), "{hint}");
    let keep = "echo kernel.unprivileged_userns_clone=1 | sudo tee -a /etc/sysctl.d/60-kakuri.conf";
    assert_eq!(mend::commands(cause, &facts), ["sudo sysctl -w kernel.unprivileged_userns_clone=1", keep]);
    // Root is not bound by it: something else refused.
    let facts = Facts { privileged: true, seccomp: Some(2), ..facts };
    assert_eq!(find(&facts), Cause::Filter);
}

#[test]
fn ubuntu_apparmor() {
    for errno in [libc::EPERM, libc::EACCES] {
        let facts = Facts { apparmor_restricts: Some(true), switched_off: Some(false), ..plain(errno) };
        let (cause, _, hint) = told(&facts);
        assert_eq!(cause, Cause::Apparmor);
        assert!(hint.contains("sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"), "{hint}");
        assert!(hint.contains("profile kakuri \"/usr/bin/kakuri\" flags=(unconfined) { userns, }"), "{hint}");
        // The whole system's switch is left as it is.
        let commands = mend::commands(cause, &facts);
        assert!(commands.len() == 1 && commands[0].contains("apparmor_parser"), "{commands:?}");
    }
    // In a docker container on such a host it is docker's filter that is met first.
    let facts = Facts {
        apparmor_restricts: Some(true),
        seccomp: Some(2),
        confined: true,
        outer: Some(Outer::Docker),
        ..plain(libc::EPERM)
    };
    assert_eq!(find(&facts), Cause::Filter);
}

#[test]
fn limits() {
    let (cause, reason, hint) = told(&Facts { limit: Some(0), ..plain(libc::ENOSPC) });
    assert_eq!(cause, Cause::NoneAllowed);
    assert!(reason.contains("user.max_user_namespaces is 0") && hint.contains("user.max_user_namespaces=28633"));
    let (cause, reason, hint) = told(&plain(libc::ENOSPC));
    assert_eq!(cause, Cause::UsedUp);
    assert!(reason.contains("60000") && hint.contains("user.max_user_namespaces=120000"), "{reason} {hint}");
    let (cause, _, hint) = told(&Facts { nested: true, outer: Some(Outer::Kakuri), ..plain(libc::ENOSPC) });
    assert_eq!((cause, hint.as_str()), (Cause::OuterLimit, "start the outer one with: kakuri --nest"));
    // 0 in an outer namespace: its file is the one we read.
    let (cause, _, hint) = told(&Facts { nested: true, limit: Some(0), ..plain(libc::ENOSPC) });
    assert_eq!(cause, Cause::NoneAllowed);
    assert!(!hint.starts_with("sudo"), "no sudo inside a sandbox: {hint}");
    let (_, reason, hint) = told(&Facts { none_of: Some("pid"), ..plain(libc::ENOSPC) });
    assert!(reason.starts_with("user.max_pid_namespaces is 0"), "{reason}");
    assert!(hint.starts_with("sudo sysctl -w user.max_pid_namespaces=28633 "), "{hint}");
    assert_eq!(find(&plain(libc::EUSERS)), Cause::UsedUp);
    let (_, reason, hint) = told(&Facts { limit: Some(1), ..plain(libc::ENOSPC) });
    assert!(reason.starts_with("user.max_user_namespaces is 1") && hint.contains("=28633"), "{reason} {hint}");
    let facts = Facts { limit: Some(40000), ..plain(libc::ENOSPC) };
    assert!(mend::hint(Cause::UsedUpOf("net"), &facts).starts_with("sudo sysctl -w user.max_net_namespaces=80000 "));
    assert_eq!(find(&plain(libc::EAGAIN)), Cause::Processes);
    assert_eq!(find(&plain(libc::ENOMEM)), Cause::Memory);
}

#[test]
fn surroundings() {
    for errno in [libc::EPERM, libc::ENOSYS, libc::EINVAL] {
        assert_eq!(find(&Facts { seccomp: Some(2), ..plain(errno) }), Cause::Filter, "{errno}");
    }
    for (outer, words) in [
        (Outer::Docker, "docker run --security-opt seccomp=unconfined"),
        (Outer::Podman, "podman run --security-opt seccomp=unconfined"),
        (Outer::Kubernetes, "seccompProfile"),
        (Outer::Flatpak, "flatpak-spawn --host kakuri"),
        (Outer::Lxc, "security.nesting"),
        (Outer::Nspawn, "systemd-nspawn"),
        (Outer::Service, "RestrictNamespaces=no"),
        (Outer::Other, "outside that sandbox"),
    ] {
        let (_, _, hint) = told(&Facts { seccomp: Some(2), outer: Some(outer), ..plain(libc::EPERM) });
        assert!(hint.contains(words), "{hint}");
    }
    assert_eq!(find(&Facts { chroot: true, seccomp: Some(2), ..plain(libc::EPERM) }), Cause::Chroot);
    assert_eq!(find(&Facts { unmapped: true, nested: true, ..plain(libc::EPERM) }), Cause::Unmapped);
    assert_eq!(find(&plain(libc::EACCES)), Cause::Module);
    assert_eq!(find(&Facts { confined: true, ..plain(libc::EPERM) }), Cause::Module);
    assert_eq!(find(&Facts { built: false, ..plain(libc::EINVAL) }), Cause::NotBuilt);
}

#[test]
fn what_nothing_explains_is_not_guessed() {
    let (cause, reason, _) = told(&plain(libc::EPERM));
    assert_eq!(cause, Cause::Unknown);
    assert_eq!(reason, "Operation not permitted, and no known setting explains it");
    assert_eq!(find(&plain(libc::EIO)), Cause::Unknown);
}

#[test]
fn files_are_read_right() {
    assert_eq!(field("Name:\tx\nSeccomp:\t2\nSeccomp_filters:\t1\n", "Seccomp:"), Some("2"));
    assert!(!is_nested("         0          0 4294967295\n") && !is_nested(""));
    assert!(is_nested("0 1000 1\n"));
    assert!(!is_unmapped("", 65534), "about to be written");
    assert!(is_unmapped("0 1000 1\n", 65534) && !is_unmapped("0 1000 1\n", 0));
    assert!(!is_unmapped("0 1000 1\n1 100000 65536\n", 65534) && !is_unmapped("0 0 4294967295\n", 1000));
    assert!(has_root("22 1 8:1 / / rw - ext4 /dev/sda rw\n") && !has_root("23 22 0:5 / /proc rw - proc proc rw\n"));
    assert!(has_root("22 1 8:1 / / rw - ext4 /dev/sda rw") && !has_root(""));
    let first = "22 1 8:1 / / rw - ext4 /dev/sda rw\n40 22 8:1 / /srv/tree rw - ext4 /dev/sda rw\n";
    assert!(is_elsewhere("40 22 8:1 / / rw - ext4 /dev/sda rw\n", first));
    assert!(!is_elsewhere("22 1 8:1 / / rw - ext4 /dev/sda rw\n", first), "the machine's own root");
    assert!(!is_elsewhere("90 1 8:1 / / rw - ext4 /dev/sda rw\n", first), "another mount namespace");
    assert!(!is_elsewhere("", first));
    assert!(is_confined("docker-default (enforce)\n") && is_confined("system_u:system_r:container_t:s0\0"));
    assert!(!is_confined("unconfined\n") && !is_confined("unconfined_u:unconfined_r:unconfined_t:s0\0"));
    assert!(!is_confined("kernel") && !is_confined(""));
}
