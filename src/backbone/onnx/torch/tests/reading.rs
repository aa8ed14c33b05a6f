//! What PyTorch writes is what is read.

use super::super::error::WeightProblem;
use super::super::file::read;
use super::golden;

/// `torch_save.py` beside the two files made them.
#[test]
fn both_formats_of_pytorch_are_read() {
    for name in ["torch_zip.pth", "torch_legacy.pth"] {
        let mut state = read(&golden(name)).unwrap();
        assert_eq!(state.len(), 5, "{name}");
        let plain: Vec<f32> = (0..12_u8).map(|i| f32::from(i) / 4.0).collect();
        assert_eq!(state.take("plain", &[3, 4]).unwrap(), plain);
        let turned = state.take("turned", &[4, 3]).unwrap();
        assert_eq!(turned[..4], [0.0, 1.0, 2.0, 0.25], "{name}");
        let part = state.take("part", &[2, 2]).unwrap();
        assert_eq!(part, [1.0, 1.5, 2.0, 2.5], "{name}");
        assert_eq!(state.take("half", &[3]).unwrap(), [1.0, -0.5, 65504.0]);
        let error = state.take("steps", &[]).unwrap_err();
        assert!(matches!(error, WeightProblem::Element { found: "int64" }));
        assert_eq!(state.unexpected(), Some("steps"), "{name}");
        let error = state.take("plain", &[4, 3]).unwrap_err();
        assert!(matches!(error, WeightProblem::Shape { .. }));
        let error = state.take("none", &[]).unwrap_err();
        assert!(matches!(error, WeightProblem::Missing));
    }
}
