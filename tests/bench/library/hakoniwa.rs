//! `true` in a container by hakoniwa's library, as its README does it, as often as is said.

use hakoniwa::Container;

fn main() {
    let times = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(1);
    for _ in 0..times {
        let status = Container::new().rootfs("/").expect("a root").command("/bin/true").status().expect("it ran");
        assert!(status.success());
    }
}
