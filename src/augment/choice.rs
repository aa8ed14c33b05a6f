//! `one_of` and `random_apply`: ops that choose among ops.

use image::RgbImage;
use serde::{Deserialize, Serialize};

use super::draws::Draws;
use super::number::Probability;
use super::op::{Op, apply_all, nth};

/// Applies one of its ops (torchvision's `RandomChoice`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "RawOneOf")]
pub struct OneOf {
    /// The ops to choose from, at least one.
    ops: Vec<Op>,
    /// How often each is chosen, relative to the others; equally often unless said.
    #[serde(skip_serializing_if = "Option::is_none")]
    weights: Option<Vec<f64>>,
}

/// Applies all of its ops with probability `p`, otherwise none (torchvision's `RandomApply`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "RawRandomApply")]
pub struct RandomApply {
    /// How likely the ops are applied; 0.5 unless said.
    p: Probability,
    /// The ops, at least one.
    ops: Vec<Op>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawOneOf {
    ops: Vec<Op>,
    weights: Option<Vec<f64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRandomApply {
    #[serde(default = "Probability::half")]
    p: Probability,
    ops: Vec<Op>,
}

/// How deep ops may be nested: a limit for what a file can make the program do.
const DEEPEST: usize = 8;

fn check_ops(ops: &[Op]) -> Result<(), String> {
    if ops.is_empty() {
        return Err("`ops` is empty: there is nothing to choose from".into());
    }
    if depth(ops) > DEEPEST {
        return Err(format!("ops are nested more than {DEEPEST} deep"));
    }
    Ok(())
}

fn depth(ops: &[Op]) -> usize {
    let inner = |op: &Op| match op {
        Op::OneOf(op) => depth(&op.ops),
        Op::RandomApply(op) => depth(&op.ops),
        _ => 0,
    };
    1 + ops.iter().map(inner).max().unwrap_or(0)
}

impl TryFrom<RawOneOf> for OneOf {
    type Error = String;

    fn try_from(RawOneOf { ops, weights }: RawOneOf) -> Result<Self, String> {
        check_ops(&ops)?;
        if let Some(weights) = &weights {
            if weights.len() != ops.len() {
                let (given, needed) = (weights.len(), ops.len());
                return Err(format!(
                    "`weights` must have one number for each of the {needed} ops, found {given}"
                ));
            }
            let fine = |w: &f64| (0.0..=1e6).contains(w);
            if !weights.iter().all(fine) || !weights.iter().any(|w| *w > 0.0) {
                return Err(format!(
                    "`weights` must be between 0 and 1000000 and not all 0, found {weights:?}"
                ));
            }
        }
        Ok(OneOf { ops, weights })
    }
}

impl TryFrom<RawRandomApply> for RandomApply {
    type Error = String;

    fn try_from(RawRandomApply { p, ops }: RawRandomApply) -> Result<Self, String> {
        check_ops(&ops)?;
        Ok(RandomApply { p, ops })
    }
}

impl OneOf {
    /// The ops to choose from.
    pub(super) fn ops(&self) -> &[Op] {
        &self.ops
    }

    pub(super) fn apply(&self, image: RgbImage, draws: &mut Draws) -> RgbImage {
        let chosen = self.choose(draws.unit());
        match self.ops.get(chosen) {
            Some(op) => op.apply(image, &mut draws.within(op.name(), nth(&self.ops, chosen))),
            None => image,
        }
    }

    /// The op that a number in [0, 1) stands for.
    fn choose(&self, unit: f64) -> usize {
        let Some(weights) = &self.weights else {
            return (unit * self.ops.len() as f64) as usize;
        };
        let mut left = unit * weights.iter().sum::<f64>();
        for (i, weight) in weights.iter().enumerate() {
            if left < *weight {
                return i;
            }
            left -= weight;
        }
        // Rounding: the number stood for the end of the last op's share.
        weights.iter().rposition(|w| *w > 0.0).unwrap_or(0)
    }
}

impl RandomApply {
    /// The ops that are applied, or not.
    pub(super) fn ops(&self) -> &[Op] {
        &self.ops
    }

    pub(super) fn apply(&self, image: RgbImage, draws: &mut Draws) -> RgbImage {
        if draws.chance(self.p) {
            apply_all(&self.ops, image, |name, nth| draws.within(name, nth))
        } else {
            image
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::augment::tests::picture;

    fn op(text: &str) -> Op {
        serde_json::from_str(text).unwrap()
    }

    fn outcomes(text: &str) -> Vec<RgbImage> {
        let op = op(text);
        let one = |n| op.apply(picture(6, 4), &mut Draws::new(1, &[0; 32], n, op.name(), 0));
        (0..1000).map(one).collect()
    }

    const FLIPS: &str = r#"[{"hflip": {"p": 1}}, {"vflip": {"p": 1}}, {"grayscale": {"p": 0}}]"#;

    /// How many of 1000 views are flipped to the side, flipped upside down, and left alone.
    fn counts(weights: &str) -> [usize; 3] {
        let found = outcomes(&format!(r#"{{"one_of": {{"ops": {FLIPS}{weights}}}}}"#));
        let image = picture(6, 4);
        [
            image::imageops::flip_horizontal(&image),
            image::imageops::flip_vertical(&image),
            image,
        ]
        .map(|expected| found.iter().filter(|view| **view == expected).count())
    }

    #[test]
    fn what_is_chosen_among_stands_in_an_ops_name() {
        let text = format!(
            r#"{{"one_of": {{"ops": [{{"random_apply": {{"ops": {FLIPS}}}}}, {{"pad": {{"padding": 1}}}}]}}}}"#
        );
        let op: Op = serde_json::from_str(&text).unwrap();
        let flips: Vec<Op> = serde_json::from_str(FLIPS).unwrap();
        let flips: Vec<&str> = flips.iter().map(Op::name).collect();
        let expected = format!("one_of(random_apply({}) | pad)", flips.join(", "));
        assert_eq!(op.to_string(), expected);
    }

    #[test]
    fn one_is_chosen_as_often_as_its_weight_says() {
        let near = |found: [usize; 3], expected: [usize; 3]| {
            assert_eq!(found.iter().sum::<usize>(), 1000);
            // At least 5 standard deviations of a binomial of 1000 draws.
            let fine = found.iter().zip(expected).all(|(f, e)| f.abs_diff(e) < 79);
            assert!(fine, "{found:?}");
        };
        near(counts(""), [333, 333, 333]);
        near(counts(r#", "weights": [6, 3, 1]"#), [600, 300, 100]);
        assert_eq!(counts(r#", "weights": [0, 1, 0]"#), [0, 1000, 0]);
    }

    #[test]
    fn all_or_none_are_applied() {
        let ops = r#"[{"hflip": {"p": 1}}, {"vflip": {"p": 1}}]"#;
        let found = outcomes(&format!(
            r#"{{"random_apply": {{"p": 0.3, "ops": {ops}}}}}"#
        ));
        let image = picture(6, 4);
        let both = image::imageops::rotate180(&image);
        let applied = found.iter().filter(|view| **view == both).count();
        assert_eq!(
            applied + found.iter().filter(|view| **view == image).count(),
            1000
        );
        assert!(applied.abs_diff(300) < 73, "{applied}");
    }

    #[test]
    fn inner_ops_have_draws_of_their_own() {
        let crop = r#"{"random_resized_crop": {"scale": [0.1, 0.9]}}"#;
        let twice = outcomes(&format!(
            r#"{{"random_apply": {{"p": 1, "ops": [{crop}, {{"hflip": {{}}}}]}}}}"#
        ));
        let sizes: std::collections::HashSet<_> = twice.iter().map(|v| v.dimensions()).collect();
        assert!(sizes.len() > 5, "{sizes:?}");
    }

    #[test]
    fn mistakes_are_named() {
        let parse = |text: &str| serde_json::from_str::<Op>(text).map_err(|e| e.to_string());
        for (text, part) in [
            (r#"{"one_of": {"ops": []}}"#, "nothing to choose from"),
            (r#"{"random_apply": {"ops": []}}"#, "nothing to choose from"),
            (
                r#"{"one_of": {"ops": [{"hflip": {}}], "weights": [1, 2]}}"#,
                "one number for each of the 1 ops, found 2",
            ),
            (
                r#"{"one_of": {"ops": [{"hflip": {}}], "weights": [0]}}"#,
                "not all 0",
            ),
            (r#"{"random_apply": {"p": 2, "ops": []}}"#, "found 2"),
        ] {
            let message = parse(text).unwrap_err();
            assert!(message.contains(part), "{text}: {message}");
        }
        let nested = |deep: usize| {
            let inner = r#"{"hflip": {}}"#;
            let before = r#"{"random_apply": {"ops": ["#.repeat(deep);
            format!("{before}{inner}{}", "]}}".repeat(deep))
        };
        parse(&nested(DEEPEST)).unwrap();
        assert!(
            parse(&nested(DEEPEST + 1))
                .unwrap_err()
                .contains("nested more than 8 deep")
        );
    }

    #[test]
    fn what_is_read_is_written() {
        let text = format!(r#"{{"one_of":{{"ops":{FLIPS},"weights":[1,2,3]}}}}"#);
        let op = op(&text);
        let written = serde_json::to_string(&op).unwrap();
        assert_eq!(serde_json::from_str::<Op>(&written).unwrap(), op);
    }
}
