//! Whether a prefix of registries.conf, or a scope of policy.json, is meant by the full name of an image.

/// How many bytes of `name` a prefix stands for; None: it is not meant. A prefix ends where a part of the name does;
/// `*.example.com` stands for any host below that one.
pub fn length(name: &str, prefix: &str) -> Option<usize> {
    let length = match prefix.strip_prefix('*') {
        Some(domain) => {
            let registry = name.split('/').next().unwrap_or_default();
            // The port is no part of the host's name.
            let host = registry.split_once(':').map_or(registry, |(host, _)| host);
            (host.len() > domain.len() && domain.starts_with('.') && host.ends_with(domain)).then_some(host.len())?
        }
        None => name.starts_with(prefix).then_some(prefix.len())?,
    };
    match name.as_bytes().get(length) {
        None | Some(b'/' | b':' | b'@') => Some(length),
        Some(_) => None,
    }
}
