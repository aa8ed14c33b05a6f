//! Plain text tables.

/// A table of text: the first column to the left, the others to the right.
#[derive(Clone, Debug, Default)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with a heading.
    #[must_use]
    pub fn new<'a>(heading: impl IntoIterator<Item = &'a str>) -> Self {
        Table {
            rows: vec![heading.into_iter().map(str::to_owned).collect()],
        }
    }

    /// Adds a row; cells that it lacks stay empty.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The table's lines, each indented by two spaces and ended, with a rule below the heading.
    #[must_use]
    pub fn render(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut text = String::new();
        for (index, row) in self.rows.iter().enumerate() {
            text.push_str(&line(row, &widths));
            if index == 0 {
                let rule: Vec<String> = widths.iter().map(|w| "─".repeat(*w)).collect();
                text.push_str(&line(&rule, &widths));
            }
        }
        text
    }
}

fn line(cells: &[String], widths: &[usize]) -> String {
    let mut line = String::new();
    for (column, (cell, width)) in cells.iter().zip(widths).enumerate() {
        line.push_str("  ");
        let pad = " ".repeat(width.saturating_sub(cell.chars().count()));
        let (before, after) = if column == 0 {
            ("", pad.as_str())
        } else {
            (pad.as_str(), "")
        };
        line.push_str(before);
        line.push_str(cell);
        line.push_str(after);
    }
    format!("{}\n", line.trim_end())
}

#[cfg(test)]
mod tests {
    use super::Table;

    #[test]
    fn columns_line_up_whatever_their_letters() {
        let mut table = Table::new(["class", "right"]);
        table.row(["chat écaille".into(), "49".into()]);
        table.row(["x".into(), "5".into()]);
        let text = table.render();
        insta::assert_snapshot!(text, @r"
          class         right
          ────────────  ─────
          chat écaille     49
          x                 5
        ");
    }
}
