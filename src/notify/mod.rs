//! Mail the box writes itself: works off the tasks table.
