//! What became of a path.

/// How a path of a layer differs from the original.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Added,
    Deleted,
    /// Another content, and maybe another mode.
    Modified,
    /// The mode alone, or extended attributes.
    Mode,
    /// A symbolic link leads elsewhere.
    Link,
    /// It is another kind of thing now.
    Type,
    /// Nothing but the time it was changed.
    Touched,
}

impl Kind {
    pub fn word(self) -> &'static str {
        match self {
            Kind::Added => "added",
            Kind::Deleted => "deleted",
            Kind::Modified => "modified",
            Kind::Mode => "mode",
            Kind::Link => "link",
            Kind::Type => "type",
            Kind::Touched => "touched",
        }
    }

    /// git's letter; what git has none for is a change to it.
    pub fn letter(self) -> char {
        match self {
            Kind::Added => 'A',
            Kind::Deleted => 'D',
            Kind::Type => 'T',
            Kind::Modified | Kind::Mode | Kind::Link | Kind::Touched => 'M',
        }
    }
}
