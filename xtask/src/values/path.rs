//! Paths of the target. Nothing here looks at a file system.

use tomte::table::limits::PATH_BYTES_MAX;

use super::wrong;
use crate::{
    diag::{Code, Diagnostic},
    read::Text,
};

/// Without doubled slashes, `.` components and a slash at the end (systemd's path-util.c, `path_simplify`).
pub fn simplify(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    let root = if path.starts_with('/') { "/" } else { "" };
    format!("{root}{}", parts.join("/"))
}

/// An absolute path without `..`, simplified.
pub fn absolute(text: &Text) -> Result<String, Diagnostic> {
    let path = text.as_str();
    if !path.starts_with('/') {
        return Err(
            wrong(text, Code::Path, format!("{path:?} is not absolute")).help("write the path from / on")
        );
    }
    normal(text)
}

/// A path without `..` and control characters, simplified.
pub fn normal(text: &Text) -> Result<String, Diagnostic> {
    let path = text.as_str();
    if path.split('/').any(|part| part == "..") {
        return Err(wrong(text, Code::Path, format!("{path:?} contains \"..\"")));
    }
    if path.chars().any(|c| c.is_ascii_control()) {
        return Err(wrong(text, Code::Path, format!("{path:?} contains a control character")));
    }
    if path.len() >= PATH_BYTES_MAX {
        return Err(wrong(
            text,
            Code::Path,
            format!("a path of {} bytes; at most {}", path.len(), PATH_BYTES_MAX - 1),
        ));
    }
    Ok(simplify(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::tests::text;

    #[test]
    fn paths_are_simplified_and_climbing_ones_refused() {
        for (path, simple) in [("/", "/"), ("/a//b/./c/", "/a/b/c"), ("x/./y///z/.", "x/y/z"), ("//", "/")] {
            assert_eq!(simplify(path), simple);
        }
        assert_eq!(absolute(&text("/a//b")).as_deref(), Ok("/a/b"));
        for bad in ["a", "", "/a/../b", "/a\tb"] {
            assert!(absolute(&text(bad)).is_err(), "{bad:?}");
        }
    }
}
