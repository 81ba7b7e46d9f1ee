//! What the driver promises.

mod calls;
mod glare;
mod load;
mod network;
mod renewals;
mod staples;
mod timers;
