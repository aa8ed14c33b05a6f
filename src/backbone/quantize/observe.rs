//! The ranges of activations, seen on images.

use std::collections::HashMap;

use super::capture::{Capture, Network, Tensor};
use super::error::QuantizeError;
use super::grid::Grid;
use super::histogram::Histogram;
use super::parallel;
use super::plan::Plan;
use super::{Method, QuantizeConfig, Watch};

/// The grid of every activation that may become bytes.
pub(super) type Grids = HashMap<String, Grid>;

/// Runs the float network on the images and gives each activation the grid that the method
/// chooses. The network's own input always has all of its range: what the pixels can be is known,
/// and there are no outliers among them.
///
/// # Errors
/// A run that fails, an activation that is not finite.
pub(super) fn grids(
    network: &Network<'_>,
    plan: &Plan,
    images: &[&[f32]],
    config: &QuantizeConfig,
    watch: &mut Watch<'_>,
) -> Result<Grids, QuantizeError> {
    let points = plan.points(&vec![true; plan.convs.len()]);
    let own: Vec<_> = points.iter().filter(|point| point.like.is_none()).collect();
    let wanted: Vec<&str> = own.iter().map(|point| point.tensor.as_str()).collect();
    let mut histograms = vec![Histogram::new(); wanted.len()];
    let mut capture = Capture::open(network, network.model, &wanted)?;
    let mut count = |before: usize, tensors: &[Tensor<'_>]| {
        watch("ranges", before, images.len());
        let counted = parallel::each(&mut histograms, |place, histogram| {
            let found = histogram.add(tensors[place].values);
            found.map_err(|value| (place, value))
        });
        match counted.into_iter().collect::<Result<(), _>>() {
            Ok(()) => Ok(()),
            Err((place, value)) => Err(QuantizeError::NonFinite {
                path: network.path.to_owned(),
                tensor: wanted[place].to_owned(),
                value,
            }),
        }
    };
    capture.run(images, &mut count)?;
    watch("ranges", images.len(), images.len());
    let input = network.manifest.config.input.name.as_str();
    let mut grids = Grids::new();
    for (point, histogram) in own.iter().zip(&histograms) {
        let method = match config.method {
            _ if point.tensor == input => Method::MinMax,
            method => method,
        };
        let [low, high] = range(histogram, method);
        grids.insert(point.tensor.clone(), Grid::over(low, high, point.clip));
    }
    for point in &points {
        if let Some(grid) = point.like.as_ref().and_then(|of| grids.get(of)) {
            grids.insert(point.tensor.clone(), *grid);
        }
    }
    Ok(grids)
}

/// The range that a method chooses.
fn range(histogram: &Histogram, method: Method) -> [f32; 2] {
    let [least, most] = histogram.range();
    match method {
        Method::MinMax => [least, most],
        Method::Percentile(percent) => [
            histogram.percentile(100.0 - percent),
            histogram.percentile(percent),
        ],
        Method::Entropy => {
            let cut = histogram.entropy();
            [least.max(-cut), most.min(cut)]
        }
    }
}
