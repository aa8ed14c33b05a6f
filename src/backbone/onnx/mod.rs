//! The ONNX file format: read, cut, import and write graphs without protoc.
