//! Writes the system calls of a container as programs, so that no start has to.

use std::path::Path;

use kakuri_seccomp::{Machine, Profile, Standard, compile, source, standard};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    let arch = std::env::var("CARGO_CFG_TARGET_ARCH")?;
    let machine = Machine::named(&arch).ok_or_else(|| format!("kakuri knows no system calls of {arch}"))?;
    let mut text = String::new();
    for (nest, set_id, name) in
        [(false, false, "STRICT"), (false, true, "SET_ID"), (true, false, "NEST"), (true, true, "NEST_SET_ID")]
    {
        let wanted = Standard { nest, set_id };
        let own = standard(machine, wanted);
        let older = machine.older().map(|older| (older, standard(older, wanted)));
        let mut all: Vec<(Machine, &Profile)> = vec![(machine, &own)];
        all.extend(older.iter().map(|(machine, profile)| (*machine, profile)));
        let program = compile(&all).map_err(|_| "the program is too large")?;
        text += &source::write(name, &program);
    }
    std::fs::write(Path::new(&std::env::var("OUT_DIR")?).join("filters.rs"), text)?;
    Ok(())
}
