//! A raw unit file back to text. What was read reads back the same; comments and the breaks inside values are gone.

use std::fmt;

use super::{Assignment, UnitFile};

impl fmt::Display for UnitFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, section) in self.sections.iter().enumerate() {
            if n > 0 {
                writeln!(f)?;
            }
            writeln!(f, "[{}]", section.name.as_str())?;
            for Assignment { key, value } in &section.assignments {
                // A blank keeps a backslash at the end from joining the next line.
                let end = if value.as_str().ends_with('\\') { " " } else { "" };
                writeln!(f, "{}={}{end}", key.as_str(), value.as_str())?;
            }
        }
        Ok(())
    }
}
