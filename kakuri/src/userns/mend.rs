//! Each cause in words, and what to type. Pure.

use super::{Cause, Facts, Outer};

const KEPT_IN: &str = "/etc/sysctl.d/60-kakuri.conf";

pub(super) fn reason(cause: Cause, facts: &Facts) -> String {
    match cause {
        Cause::NotBuilt => "this kernel is built without user namespaces (CONFIG_USER_NS)".into(),
        Cause::Switch => "kernel.unprivileged_userns_clone is 0: this system forbids user namespaces to ordinary users".into(),
        Cause::Apparmor => {
            "kernel.apparmor_restrict_unprivileged_userns is 1: AppArmor takes all rights from an ordinary user's namespace".into()
        }
        Cause::NoneAllowed if facts.nested => "user.max_user_namespaces is 0 in the sandbox this runs in".into(),
        Cause::NoneAllowed => "user.max_user_namespaces is 0: this system allows no user namespace at all".into(),
        Cause::NoneOf(kind) => format!("user.max_{kind}_namespaces is 0, and a container has one of each kind"),
        Cause::UsedUpOf(kind) => {
            format!("as many as user.max_{kind}_namespaces allows exist already, and a container has one of each kind")
        }
        // The container's own, and in it the command's.
        Cause::UsedUp if facts.limit == Some(1) => "user.max_user_namespaces is 1, and a container is made of two".into(),
        Cause::UsedUp => match facts.limit {
            Some(limit) => format!("all {limit} user namespaces this user may have (user.max_user_namespaces) exist already"),
            None => "the limit on user namespaces is used up".into(),
        },
        Cause::OuterLimit => match facts.outer {
            Some(Outer::Kakuri) => "the kakuri container this runs in forbids containers in it".into(),
            _ => "the sandbox this runs in sets a limit on user namespaces, which is used up (or 32 are nested)".into(),
        },
        Cause::Processes => "this user may start no more processes (ulimit -u, or a cgroup's pids limit)".into(),
        Cause::Memory => "the kernel has no memory left for it".into(),
        Cause::Filter if facts.outer == Some(Outer::Kakuri) => {
            "the kakuri container this runs in forbids containers in it".into()
        }
        Cause::Filter => format!("{} filters system calls (seccomp) and refuses this one", surroundings(facts)),
        Cause::Chroot => "this process runs in a chroot, where the kernel makes no user namespace".into(),
        Cause::Unmapped => "the caller's own user or group id is not mapped in the user namespace this runs in".into(),
        Cause::Module => "a security module (SELinux, AppArmor) refuses it".into(),
        Cause::Unknown => format!("{}, and no known setting explains it", kakuri_wire::fail::describe(facts.errno)),
    }
}

pub(super) fn hint(cause: Cause, facts: &Facts) -> String {
    match cause {
        Cause::NotBuilt => "boot a kernel with CONFIG_USER_NS=y; every distribution's own has it".into(),
        Cause::NoneAllowed if facts.nested => limit_hint("user", facts),
        Cause::NoneOf(kind) | Cause::UsedUpOf(kind) if facts.nested => limit_hint(kind, facts),
        Cause::Apparmor => format!(
            "{}; or for kakuri alone: {}",
            sysctl("kernel.apparmor_restrict_unprivileged_userns=0"),
            profile(&facts.program)
        ),
        Cause::Switch | Cause::NoneAllowed | Cause::NoneOf(_) | Cause::UsedUp | Cause::UsedUpOf(_) => {
            setting(cause, facts).map(|setting| sysctl(&setting)).unwrap_or_default()
        }
        Cause::OuterLimit => limit_hint("user", facts),
        Cause::Filter => outer_hint(facts),
        Cause::Processes => "end some of them (ps -u \"$USER\"), or raise the limit: ulimit -u unlimited".into(),
        Cause::Memory => "free some memory, or raise the memory limit of the cgroup this runs in".into(),
        Cause::Chroot => "run kakuri outside the chroot, or enter the folder by pivot_root instead: unshare -m, bwrap or systemd-nspawn do".into(),
        Cause::Unmapped => "start the outer namespace with this user mapped: unshare --map-root-user, or --map-current-user".into(),
        Cause::Module => "sudo ausearch -m avc -ts recent (or sudo dmesg | grep -i denied) names the rule; it must allow user_namespace { create }".into(),
        Cause::Unknown => "sudo dmesg | tail may name who refuses it; kakuri doctor shows what else works here".into(),
    }
}

/// The system's setting that is the cause, with a value that does.
fn setting(cause: Cause, facts: &Facts) -> Option<String> {
    match cause {
        Cause::Switch => Some("kernel.unprivileged_userns_clone=1".into()),
        Cause::NoneAllowed | Cause::NoneOf(_) | Cause::UsedUpOf(_) if facts.nested => None,
        Cause::NoneAllowed => Some("user.max_user_namespaces=28633".into()),
        Cause::NoneOf(kind) => Some(format!("user.max_{kind}_namespaces=28633")),
        Cause::UsedUp => Some(format!("user.max_user_namespaces={}", more(facts))),
        Cause::UsedUpOf(kind) => Some(format!("user.max_{kind}_namespaces={}", more(facts))),
        _ => None,
    }
}

/// Twice what there may be.
fn more(facts: &Facts) -> u64 {
    facts.limit.unwrap_or(28633).saturating_mul(2).max(28633)
}

pub(super) fn commands(cause: Cause, facts: &Facts) -> Vec<String> {
    match cause {
        // For kakuri alone: the rest of the system stays as careful as it is.
        Cause::Apparmor => vec![profile(&facts.program)],
        _ => setting(cause, facts).map(|setting| lasting(&setting).into()).unwrap_or_default(),
    }
}

/// Now, and after the next boot.
pub fn lasting(setting: &str) -> [String; 2] {
    [format!("sudo sysctl -w {setting}"), format!("echo {setting} | sudo tee -a {KEPT_IN}")]
}

/// The same for people.
fn sysctl(setting: &str) -> String {
    let [now, keep] = lasting(setting);
    format!("{now} (to keep it: {keep})")
}

/// AppArmor's own way: a profile that changes nothing but this.
fn profile(program: &str) -> String {
    format!(
        "echo 'abi <abi/4.0>, profile kakuri \"{program}\" flags=(unconfined) {{ userns, }}' \
         | sudo tee /etc/apparmor.d/kakuri && sudo apparmor_parser -r /etc/apparmor.d/kakuri"
    )
}

fn surroundings(facts: &Facts) -> &'static str {
    match facts.outer {
        Some(Outer::Docker) => "the docker container this runs in",
        Some(Outer::Podman) => "the podman container this runs in",
        Some(Outer::Kubernetes) => "the pod this runs in",
        Some(Outer::Flatpak) => "the flatpak this runs in",
        Some(Outer::Kakuri) => "the kakuri container this runs in",
        Some(Outer::Lxc) => "the lxc container this runs in",
        Some(Outer::Nspawn) => "the systemd-nspawn container this runs in",
        Some(Outer::Service) => "the systemd service this runs in",
        Some(Outer::Other) | None => "the sandbox this runs in",
    }
}

/// The limit was set by whoever made the user namespace around us; no flag about filters lifts it.
fn limit_hint(kind: &str, facts: &Facts) -> String {
    let no = if kind == "user" { "bwrap: no --disable-userns; else, " } else { "" };
    match facts.outer {
        Some(Outer::Kakuri | Outer::Flatpak) => outer_hint(facts),
        _ => format!(
            "let the outer sandbox allow more ({no}as root of that sandbox: sysctl -w user.max_{kind}_namespaces=28633)"
        ),
    }
}

/// The flag to give to whatever is around us.
fn outer_hint(facts: &Facts) -> String {
    match facts.outer {
        Some(Outer::Docker) => {
            "start the outer one with: docker run --security-opt seccomp=unconfined --security-opt apparmor=unconfined --security-opt systempaths=unconfined"
        }
        Some(Outer::Podman) => "start the outer one with: podman run --security-opt seccomp=unconfined --security-opt unmask=ALL",
        Some(Outer::Kubernetes) => {
            "give the pod securityContext: seccompProfile: {type: Unconfined}, procMount: Unmasked, hostUsers: false"
        }
        Some(Outer::Flatpak) => "run it outside: flatpak-spawn --host kakuri",
        Some(Outer::Kakuri) => "start the outer one with: kakuri --nest",
        Some(Outer::Lxc) => "give the outer one: lxc config set NAME security.nesting true",
        Some(Outer::Nspawn) => "start the outer one with: systemd-nspawn --private-users=pick --system-call-filter=@mount",
        Some(Outer::Service) => "give the service: RestrictNamespaces=no and SystemCallFilter=@system-service @mount",
        Some(Outer::Other) | None => {
            "run kakuri outside that sandbox, or let the sandbox allow user namespaces (bwrap: no --disable-userns; a limit: sysctl user.max_user_namespaces)"
        }
    }
    .into()
}
