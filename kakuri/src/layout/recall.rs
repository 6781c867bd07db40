//! The tree again, from the steps of a plan: for questions asked after it was made, such as the reason of a
//! command that was not found.

use std::rc::Rc;

use kakuri_mount::{Node, Op, Plan};

use super::{Layout, Origin, Root, Source, What};
use crate::pathname;

impl Layout {
    pub fn of(plan: &Plan) -> Layout {
        let root = plan.root.as_ref().and_then(Root::recall).map(Rc::new);
        let mut layout = Layout { root, ..Layout::default() };
        for op in plan.ops.iter().chain(&plan.finish) {
            let (at, what) = match op.clone() {
                Op::Folder { at, mode } => (at, What::Folder { mode }),
                Op::File { at, text, .. } => (at, What::File { text: text.0 }),
                Op::Symlink { at, to } => (at, What::Symlink { to: to.0 }),
                Op::Private { at, mode, read_only, .. } => (at, What::Private { mode, read_only }),
                Op::PrivateFile { at, mode, text, .. } => (at, What::PrivateFile { mode, text: text.0 }),
                Op::Tmpfs { at, mode, size, read_only, noexec, .. } => {
                    (at, What::Tmpfs { mode, size, read_only, noexec })
                }
                Op::Bind(bind) => {
                    let source = Source {
                        from: bind.from.0,
                        typed: bind.typed.map(|t| t.0),
                        folder: bind.folder,
                        seen: bind.seen,
                        read_only: bind.read_only,
                        noexec: bind.noexec,
                        devices: bind.devices,
                        kept: false,
                    };
                    (bind.at, What::Bind(source))
                }
                Op::Cow(cow) => {
                    let source = Source {
                        from: cow.from.0,
                        typed: cow.typed.map(|t| t.0),
                        folder: true,
                        seen: cow.seen,
                        noexec: cow.noexec,
                        ..Source::default()
                    };
                    (cow.at, What::Cow { source, layer: cow.layer, split: cow.split })
                }
                Op::Union { at, from, how, skeleton, .. } => {
                    let skeleton = skeleton.into_iter().map(|e| (e.at.0, e.node)).collect();
                    (at, What::Union { from: from.0, how, skeleton })
                }
                Op::Skeleton { at, entries, .. } => {
                    for entry in entries {
                        let what = match entry.node {
                            Node::Folder => What::Folder { mode: 0o755 },
                            Node::File(text) => What::File { text: text.0 },
                            Node::Symlink(to) => What::Symlink { to: to.0 },
                        };
                        layout.put(pathname::join(at.as_bytes(), entry.at.as_bytes()), Origin::Base, what);
                    }
                    (at, What::Skeleton)
                }
                Op::Hide { at, folder } => (at, What::Hide { folder }),
                // It changes no place's kind.
                Op::Freeze { .. } => continue,
                Op::Devpts { at } => (at, What::Devpts),
                Op::Attach { what, at } => (at, What::Attach(what)),
            };
            layout.put(at.0, Origin::Base, what);
        }
        layout
    }
}
