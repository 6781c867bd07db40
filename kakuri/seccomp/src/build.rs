//! A program being made from its end: every jump of such a program goes forward, so that where it goes is known when it
//! is written.

use crate::Instruction;
use crate::profile::Action;

pub const LOAD: u16 = 0x20; // BPF_LD | BPF_W | BPF_ABS
pub const AND: u16 = 0x54; // BPF_ALU | BPF_AND | BPF_K
pub const JUMP: u16 = 0x05; // BPF_JMP | BPF_JA
pub const RETURN: u16 = 0x06; // BPF_RET | BPF_K

/// A jump that asks: what it asks of the word that was loaded, and the number it compares it with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum Ask {
    Equals = 0x15,  // BPF_JMP | BPF_JEQ | BPF_K
    Above = 0x25,   // BPF_JMP | BPF_JGT | BPF_K
    AtLeast = 0x35, // BPF_JMP | BPF_JGE | BPF_K
    Has = 0x45,     // BPF_JMP | BPF_JSET | BPF_K: at least one of these bits
}

impl Ask {
    fn is(code: u16) -> bool {
        [Ask::Equals, Ask::Above, Ask::AtLeast, Ask::Has].into_iter().any(|ask| ask as u16 == code)
    }
}

/// How many instructions each of the ways on from one passes over.
fn ways(step: &Instruction) -> impl Iterator<Item = u32> {
    let (one, other) = match step.code {
        RETURN => (None, None),
        JUMP => (Some(step.k), None),
        code if Ask::is(code) => (Some(step.jt.into()), Some(step.jf.into())),
        _ => (Some(0), None),
    };
    one.into_iter().chain(other)
}

/// Where an instruction is, counted from the end.
pub type Place = usize;

/// How far a jump that asks can go. One of its two ways may get a step of its own in between.
const REACH: usize = u8::MAX as usize - 1;

#[derive(Default)]
pub struct Program {
    /// The last one first.
    reversed: Vec<Instruction>,
    returns: Vec<(Action, Place)>,
    /// Steps that go where the first place is, for those who are too far from it.
    hops: Vec<(Place, Place)>,
}

impl Program {
    fn push(&mut self, code: u16, jt: u8, jf: u8, k: u32) -> Place {
        self.reversed.push(Instruction { code, jt, jf, k });
        self.reversed.len() - 1
    }

    /// What returns this action, once in a program.
    pub fn give(&mut self, action: Action) -> Place {
        if let Some((_, place)) = self.returns.iter().find(|known| known.0 == action) {
            return *place;
        }
        let place = self.push(RETURN, 0, 0, action.value());
        self.returns.push((action, place));
        place
    }

    /// Loads a word of struct seccomp_data and goes on with what was written last.
    pub fn load(&mut self, k: u32) -> Place {
        self.push(LOAD, 0, 0, k)
    }

    /// Keeps these bits of it.
    pub fn and(&mut self, k: u32) -> Place {
        self.push(AND, 0, 0, k)
    }

    /// Past a load of this word, where there is one: it is loaded.
    pub fn past_load(&self, place: Place, k: u32) -> Place {
        match self.reversed.get(place) {
            Some(step) if step.code == LOAD && step.k == k && place > 0 => place - 1,
            _ => place,
        }
    }

    pub fn ask(&mut self, ask: Ask, k: u32, yes: Place, no: Place) -> Place {
        let (yes, no) = (self.near(yes), self.near(no));
        let over = |place| u8::try_from(self.reversed.len() - place - 1).unwrap_or(u8::MAX);
        let (jt, jf) = (over(yes), over(no));
        self.push(ask as u16, jt, jf, k)
    }

    /// Goes on at that place, where that is not what was written last.
    pub fn go_to(&mut self, place: Place) {
        let over = self.reversed.len() - place - 1;
        if over > 0 {
            self.push(JUMP, 0, 0, u32::try_from(over).unwrap_or(u32::MAX));
        }
    }

    /// The place itself, or a step close by that goes there.
    fn near(&mut self, place: Place) -> Place {
        let end = self.reversed.len();
        let over = end - place;
        if over < REACH {
            return place;
        }
        if let Some((_, hop)) = self.hops.iter().rev().find(|(to, hop)| *to == place && end - hop < REACH) {
            return *hop;
        }
        let hop = match self.reversed.get(place).copied() {
            // No longer than the jump there.
            Some(step) if step.code == RETURN => self.push(RETURN, 0, 0, step.k),
            // Four thousand instructions are the most there may be.
            _ => self.push(JUMP, 0, 0, u32::try_from(over - 1).unwrap_or(u32::MAX)),
        };
        self.hops.push((place, hop));
        hop
    }

    /// The program, without what nothing leads to: loads that all came to be passed over.
    pub fn finish(mut self) -> Vec<Instruction> {
        self.reversed.reverse();
        let all = self.reversed;
        let mut reached = vec![false; all.len()];
        if let Some(first) = reached.first_mut() {
            *first = true;
        }
        for (at, step) in all.iter().enumerate() {
            if reached[at] {
                ways(step).for_each(|over| reached[at + 1 + over as usize] = true);
            }
        }
        let dropped_before: Vec<usize> = reached
            .iter()
            .scan(0, |dropped, reached| Some(std::mem::replace(dropped, *dropped + usize::from(!reached))))
            .collect();
        let kept = all.iter().enumerate().filter(|(at, _)| reached[*at]);
        kept.map(|(at, step)| {
            // What is dropped lies between an instruction and where it leads to, so that all ways get shorter.
            let nearer = |over: u32| over - (dropped_before[at + 1 + over as usize] - dropped_before[at]) as u32;
            match step.code {
                JUMP => Instruction { k: nearer(step.k), ..*step },
                _ if Ask::is(step.code) => {
                    let [jt, jf] = [step.jt, step.jf].map(|over| nearer(over.into()) as u8);
                    Instruction { jt, jf, ..*step }
                }
                _ => *step,
            }
        })
        .collect()
    }
}
