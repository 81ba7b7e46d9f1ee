//! What a run found, and how it is told.

mod bar;
mod page;
mod plots;
mod programme;
mod results;
mod tables;

pub use bar::{Floor, Required, drop_in_floors, floors};
pub use page::{PageError, fill_in};
pub use plots::plots;
pub use programme::Planned;
pub use results::{
    CallSetUp, DROP_IN, DropIn, Growth, Memory, Outcome, Question, Ratio, Results, Row, Standing,
};
pub use tables::{BLOCKS, block};
