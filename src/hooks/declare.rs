//! How hooks are declared: each script, function, argument, returned value and global variable once, as a Rust type.
//!
//! From a declaration come the typed call, the reading back, `docs/reference/hooks.md`, `pillarbox hooks list` and what
//! `pillarbox hooks check` knows. [`hook!`] declares a function, [`record!`] a table with known fields or a set of global
//! variables; `scripts/` holds one file a script.

use super::datum::Reading;
use super::value::Value;

/// What a value is, as the reference names it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    Boolean,
    Number,
    Text,
    NumberOrText,
    Any,
    List(&'static Kind),
    /// A table from names to values.
    Named(&'static Kind),
    /// A table with these fields.
    Record(&'static Record),
}

/// An argument, a returned value, a field or a global variable.
#[derive(Debug, PartialEq)]
pub struct Part {
    pub name: &'static str,
    pub kind: Kind,
    pub meaning: &'static str,
}

#[derive(Debug, PartialEq)]
pub struct Record {
    pub name: &'static str,
    pub meaning: &'static str,
    pub fields: &'static [Part],
}

/// What is to be said about a function beside its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flag {
    /// The reference product does not publish the signature: this one is ours.
    Ours,
    /// Known by name; called when the feature that it belongs to exists.
    Later,
}

#[derive(Debug)]
pub struct Function {
    pub name: &'static str,
    /// Version of the reference product that has it; empty: all.
    pub since: &'static str,
    pub meaning: &'static str,
    pub flags: &'static [Flag],
    pub arguments: &'static [Part],
    pub returns: &'static [Part],
    /// What of returned values does not fit.
    pub misfits: fn(Vec<Value>) -> Vec<String>,
}

impl Function {
    pub fn is(&self, flag: Flag) -> bool {
        self.flags.contains(&flag)
    }
}

/// Who writes a set of global variables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Set for the script; what it does to them has no effect.
    Read,
    /// Read back.
    ReadWrite,
}

/// A script and what it may define.
#[derive(Debug)]
pub struct Declaration {
    /// As people write it; compared without regard to case.
    pub name: &'static str,
    pub meaning: &'static str,
    /// How long the script's own variables live, as people read it.
    pub lifetime: &'static str,
    pub functions: &'static [&'static Function],
    pub globals: &'static [(Access, &'static Record)],
    /// There may be one for each user, `USER/NAME`, which then takes the place of the general one.
    pub per_user: bool,
}

/// A function of a script: an ordinary call with these arguments, which gives `Returned`.
pub trait Hook: Sized {
    /// Every value optional: not returned is `None`, which means that nothing changes.
    type Returned: Default + Send + 'static;

    const FUNCTION: &'static Function;

    fn arguments(self) -> Vec<Value>;

    fn read(values: Vec<Value>, reading: &mut Reading) -> Self::Returned;
}

/// Declares a function of a script.
///
/// ```text
/// hook! {
///     /// What it is for. One or more lines.
///     CheckFile "CheckFile" since "8.8" [Ours] (
///         /// What the argument is.
///         filename: String = "Filename",
///     ) -> CheckFileReturned (
///         /// What the returned value does.
///         actions: Actions = "Actions",
///     )
/// }
/// ```
macro_rules! hook {
    (
        $(#[doc = $meaning:literal])+
        $name:ident $function:literal since $since:literal [$($flag:ident)*] (
            $( $(#[doc = $doc:literal])+ $argument:ident: $kind:ty = $shown:literal, )*
        ) -> $returned:ident (
            $( $(#[doc = $rdoc:literal])+ $value:ident: $rkind:ty = $rshown:literal, )*
        )
    ) => {
        $(#[doc = $meaning])+
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct $name {
            $( $(#[doc = $doc])+ pub $argument: $kind, )*
        }

        #[doc = concat!("What `", $function, "` returns.")]
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct $returned {
            $( $(#[doc = $rdoc])+ pub $value: Option<$rkind>, )*
        }

        impl $crate::hooks::declare::Hook for $name {
            type Returned = $returned;

            const FUNCTION: &'static $crate::hooks::declare::Function = &$crate::hooks::declare::Function {
                name: $function,
                since: $since,
                meaning: concat!($($meaning),+),
                flags: &[$($crate::hooks::declare::Flag::$flag),*],
                arguments: &[$($crate::hooks::declare::Part {
                    name: $shown,
                    kind: <$kind as $crate::hooks::datum::Datum>::KIND,
                    meaning: concat!($($doc),+),
                }),*],
                returns: &[$($crate::hooks::declare::Part {
                    name: $rshown,
                    kind: <$rkind as $crate::hooks::datum::Datum>::KIND,
                    meaning: concat!($($rdoc),+),
                }),*],
                misfits: |values| {
                    let mut reading = $crate::hooks::datum::Reading::default();
                    let _ = <$name as $crate::hooks::declare::Hook>::read(values, &mut reading);
                    reading.notes()
                },
            };

            fn arguments(self) -> Vec<$crate::hooks::Value> {
                vec![$( $crate::hooks::datum::Datum::give(self.$argument) ),*]
            }

            fn read(values: Vec<$crate::hooks::Value>, reading: &mut $crate::hooks::datum::Reading) -> $returned {
                let mut values = values.into_iter();
                let _ = (&mut values, &reading);
                $returned { $( $value: reading.field($rshown, values.next()), )* }
            }
        }
    };
}

/// Declares a table with known fields, or a set of global variables. Every field is optional: not there is `None`.
///
/// ```text
/// record! {
///     /// What the table is.
///     Actions {
///         /// What the field does.
///         skip_send: bool = "SkipSend",
///     }
/// }
/// ```
macro_rules! record {
    (
        $(#[doc = $meaning:literal])+
        $name:ident {
            $( $(#[doc = $doc:literal])+ $field:ident: $kind:ty = $shown:literal, )*
        }
    ) => {
        $(#[doc = $meaning])+
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct $name {
            $( $(#[doc = $doc])+ pub $field: Option<$kind>, )*
        }

        impl $crate::hooks::datum::Fields for $name {
            const RECORD: &'static $crate::hooks::declare::Record = &$crate::hooks::declare::Record {
                name: stringify!($name),
                meaning: concat!($($meaning),+),
                fields: &[$($crate::hooks::declare::Part {
                    name: $shown,
                    kind: <$kind as $crate::hooks::datum::Datum>::KIND,
                    meaning: concat!($($doc),+),
                }),*],
            };

            fn pairs(self) -> Vec<(&'static str, $crate::hooks::Value)> {
                let mut pairs = Vec::new();
                $( pairs.extend(self.$field.map(|value| ($shown, $crate::hooks::datum::Datum::give(value)))); )*
                pairs
            }

            fn read_fields(
                of: &mut dyn FnMut(&'static str) -> Option<$crate::hooks::Value>,
                reading: &mut $crate::hooks::datum::Reading,
            ) -> $name {
                $name { $( $field: reading.field($shown, of($shown)), )* }
            }

            fn or(self, before: $name) -> $name {
                $name { $( $field: self.$field.or(before.$field), )* }
            }
        }

        impl $crate::hooks::datum::Datum for $name {
            const KIND: $crate::hooks::declare::Kind =
                $crate::hooks::declare::Kind::Record(<$name as $crate::hooks::datum::Fields>::RECORD);

            fn give(self) -> $crate::hooks::Value {
                $crate::hooks::datum::give_fields(self)
            }

            fn read(value: $crate::hooks::Value, reading: &mut $crate::hooks::datum::Reading) -> Option<$name> {
                $crate::hooks::datum::read_table(value, reading)
            }
        }
    };
}

pub(in crate::hooks) use {hook, record};
