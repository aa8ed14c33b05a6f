//! Small layers models made by hand, imported and run.

mod damage;
mod fold;
mod layers;
mod model;
mod outputs;
mod refusals;
mod run;
