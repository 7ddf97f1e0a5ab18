//! The small languages an administrator writes rules in: what they mean, and where a mistake is.
//!
//! Pure: a text becomes a value that is asked questions, a mistake is named by line and column. No configuration, no
//! store, no clock: whoever asks brings the facts (`when` is given as a local time).
//!
//! * [`pattern`]: `*` and `?`, used by all of them.
//! * [`words`]: a line cut into words that know their column.
//! * [`overrides`], [`domain_filter`]: which server takes a mail's recipient, and which sender.
//! * [`network`]: networks and addresses.
//! * [`conditions`]: what download rules and SMTP rules ask of a mail.
//! * [`classic`]: the same rules as the reference product writes them.
//! * [`access`]: lists of addresses that may use a service, as the reference product keeps them.
//! * [`zone`]: a realtime blacklist.
//! * [`special_header`]: where a provider writes down whom a collected mail is for.
//! * [`csv`]: tables of other programs.
//! * [`compare`]: `<`, `<=`, `=`, `>=`, `>`, `<>` and a number.
//! * [`address_form`], [`target`], [`lan_target`]: which addresses a mapping is for, and where it leads.

pub mod access;
pub mod address_form;
pub mod classic;
pub mod compare;
pub mod conditions;
pub mod csv;
pub mod domain_filter;
pub mod lan_target;
pub mod mistake;
pub mod network;
pub mod overrides;
pub mod pattern;
pub mod special_header;
pub mod target;
pub mod words;
pub mod zone;

pub use address_form::AddressForm;
pub use compare::Comparison;
pub use conditions::{Conditions, Facts};
pub use domain_filter::DomainFilter;
pub use lan_target::LanTarget;
pub use mistake::Mistake;
pub use network::Network;
pub use overrides::Overrides;
pub use special_header::SpecialHeader;
pub use target::Target;
pub use zone::Zone;
