use kakuri_seccomp::*;
use std::io::Write;
fn main() {
    let s = Standard::default();
    let a = standard(Machine::X86_64, s);
    let b = standard(Machine::I386, s);
    let two = std::env::args().nth(1).is_none();
    let list: Vec<(Machine, &Profile)> =
        if two { vec![(Machine::X86_64, &a), (Machine::I386, &b)] } else { vec![(Machine::X86_64, &a)] };
    std::io::stdout().write_all(&to_bytes(&compile(&list).unwrap())).unwrap();
}
