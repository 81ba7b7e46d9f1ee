//! What a run found, and how it is told.

mod bar;
mod distances;
mod limits;
mod page;
mod plots;
mod programme;
mod results;
mod tables;

pub use bar::{Floor, Place, Required, drop_in_floors, floors};
pub use limits::{Bound, Least, Work};
pub use page::{PageError, fill_in};
pub use plots::plots;
pub use programme::Planned;
pub use results::{
    CallSetUp, DROP_IN, DropIn, Enrolments, Growth, Look, Memory, Outcome, Part, Question, Ratio,
    Results, Row, Standing,
};
pub use tables::{BLOCKS, block};
