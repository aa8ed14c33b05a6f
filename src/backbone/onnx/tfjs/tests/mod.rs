//! Small layers models made by hand, imported and run.

mod convolutions;
mod damage;
mod fold;
mod layers;
mod model;
mod outputs;
mod refusals;
mod run;
