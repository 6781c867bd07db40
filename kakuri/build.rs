//! Orders the programs' code: see link.ld beside each program.

fn main() {
    println!("cargo::rerun-if-changed=kakuri/build.rs");
    let release = std::env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let musl = std::env::var("CARGO_CFG_TARGET_ENV").is_ok_and(|env| env == "musl");
    if !(release && musl) {
        return;
    }
    let root = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    for program in ["kakuri", "kakuri-init", "kakuri-mount"] {
        println!("cargo::rerun-if-changed={program}/link.ld");
        println!("cargo::rustc-link-arg-bin={program}=-Wl,-T,{root}/{program}/link.ld");
    }
}
