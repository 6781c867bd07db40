//! The names logins are kept under: by podman a registry or a part of one, by docker what it once used as an address.

/// The registry everybody writes in another way.
pub const HUB: &str = "docker.io";
/// What docker keeps the login for docker.io under.
pub const HUB_OF_DOCKER: &str = "https://index.docker.io/v1/";
const HUB_HOSTS: [&str; 3] = ["docker.io", "index.docker.io", "registry-1.docker.io"];

/// As podman writes it: `https://index.docker.io/v1/` is `docker.io`. An address with a scheme stands for its host.
pub fn plain(key: &str) -> String {
    let (address, rest) = match key.split_once("://") {
        Some((_, rest)) => (true, rest),
        None => (false, key),
    };
    let rest = rest.trim_end_matches('/');
    let (registry, path) = rest.split_once('/').unwrap_or((rest, ""));
    let registry = registry.to_ascii_lowercase();
    let registry = if HUB_HOSTS.contains(&&registry[..]) { HUB.into() } else { registry };
    if path.is_empty() || address || matches!(path, "v1" | "v2") { registry } else { format!("{registry}/{path}") }
}

/// Under which names a login for the repository may be kept, the narrowest first: `r/a/b`, `r/a`, `r`.
pub fn candidates(registry: &str, repository: &str) -> Vec<String> {
    let mut name = format!("{registry}/{repository}").trim_end_matches('/').to_string();
    let mut all = Vec::new();
    loop {
        let end = name.rfind('/');
        all.push(name.clone());
        match end {
            Some(end) => name.truncate(end),
            None => return all,
        }
    }
}

/// What a helper is asked for: docker.io by docker's name for it first, because docker has stored it.
pub fn servers(registry: &str) -> Vec<&str> {
    if registry == HUB { vec![HUB_OF_DOCKER, HUB] } else { vec![registry] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_means_a_registry() {
        for (key, want) in [
            ("docker.io", "docker.io"),
            (HUB_OF_DOCKER, "docker.io"),
            ("index.docker.io", "docker.io"),
            ("https://registry-1.docker.io", "docker.io"),
            ("docker.io/library/alpine", "docker.io/library/alpine"),
            ("quay.io/team/app", "quay.io/team/app"),
            ("https://Quay.io/v2/", "quay.io"),
            ("http://localhost:5000", "localhost:5000"),
            ("localhost:5000/v1/", "localhost:5000"),
            ("https://host/any/path", "host"),
        ] {
            assert_eq!(plain(key), want, "{key}");
        }
        assert_eq!(candidates("r:5", "a/b"), ["r:5/a/b", "r:5/a", "r:5"]);
        assert_eq!(candidates("r", ""), ["r"]);
    }
}
