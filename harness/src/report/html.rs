//! Safe HTML: text from outside becomes markup only by being escaped here.

use std::fmt::{self, Display, Write};

/// Finished markup. Made from text by [`text`], or from markup that is the program's own by [`Html::raw`].
#[derive(Clone, Debug, Default)]
pub struct Html(String);

impl Html {
    /// Markup as it is: only for strings that this program made, with every foreign part escaped.
    pub fn raw(markup: impl Into<String>) -> Html {
        Html(markup.into())
    }
}

impl Display for Html {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Text as markup: `& < > " '` and control characters can do no harm, in content or in a quoted attribute.
pub fn text(text: impl Display) -> Html {
    let text = text.to_string();
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(letter),
            // Overrides of direction could show a line as what it is not.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => out.push('\u{fffd}'),
            letter if letter.is_control() => out.push('\u{fffd}'),
            letter => out.push(letter),
        }
    }
    Html(out)
}

/// Text in `<code>`.
pub fn code(content: impl Display) -> Html {
    Html(format!("<code>{}</code>", text(content)))
}

/// A table with a caption; columns whose heading begins with `#` hold numbers and are set to the right.
pub struct Table {
    caption: Html,
    columns: Vec<(String, bool)>,
    body: String,
    rows: usize,
}

impl Table {
    /// An empty table. Every row must have as many cells as there are `columns`.
    pub fn new(caption: impl Into<Html>, columns: &[&str]) -> Table {
        let columns = columns
            .iter()
            .map(|heading| match heading.strip_prefix('#') {
                Some(heading) => (heading.to_string(), true),
                None => (heading.to_string(), false),
            });
        Table {
            caption: caption.into(),
            columns: columns.collect(),
            body: String::new(),
            rows: 0,
        }
    }

    /// Adds a row whose first cell names it.
    pub fn row(&mut self, cells: Vec<Html>) {
        self.classed("", cells);
    }

    /// Adds a row with a CSS class of ours.
    pub fn classed(&mut self, class: &str, cells: Vec<Html>) {
        debug_assert_eq!(cells.len(), self.columns.len(), "cells against headings");
        self.rows += 1;
        let class = if class.is_empty() {
            String::new()
        } else {
            format!(" class=\"{class}\"")
        };
        self.body.push_str(&format!("<tr{class}>"));
        for (at, (cell, (_, number))) in cells.iter().zip(&self.columns).enumerate() {
            let class = if *number { " class=\"num\"" } else { "" };
            let _ = if at == 0 {
                write!(self.body, "<th scope=\"row\"{class}>{cell}</th>")
            } else {
                write!(self.body, "<td{class}>{cell}</td>")
            };
        }
        self.body.push_str("</tr>\n");
    }

    /// True without rows.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }
}

impl Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Wide tables scroll by themselves, by keyboard too, so that the page never does.
        write!(
            f,
            "<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"table\"><table>\n<caption><span>{}</span></caption>\n<thead><tr>",
            self.caption
        )?;
        for (heading, number) in &self.columns {
            let class = if *number { " class=\"num\"" } else { "" };
            write!(f, "<th scope=\"col\"{class}>{}</th>", text(heading))?;
        }
        write!(
            f,
            "</tr></thead>\n<tbody>\n{}</tbody></table></div>\n",
            self.body
        )
    }
}

impl From<&str> for Html {
    fn from(content: &str) -> Html {
        text(content)
    }
}

impl From<String> for Html {
    fn from(content: String) -> Html {
        text(content)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_can_neither_open_a_tag_nor_leave_an_attribute() {
        let hostile = "<script>alert('x')</script> \" onload=& \u{7} \u{202e}";
        let html = text(hostile).to_string();
        assert!(
            !html.contains(['<', '>', '"', '\'', '\u{7}', '\u{202e}']),
            "{html}"
        );
        assert!(html.contains("&lt;script&gt;alert(&#39;x&#39;)"), "{html}");
    }

    #[test]
    fn a_table_escapes_captions_headings_and_cells() {
        let mut table = Table::new("a < b", &["<c>", "#n"]);
        table.row(vec!["<d>".into(), "1".into()]);
        let html = table.to_string();
        assert!(html.contains("<caption><span>a &lt; b</span></caption>"));
        assert!(html.contains("&lt;c&gt;") && html.contains("&lt;d&gt;"));
        assert!(html.contains("<td class=\"num\">1</td>"));
    }
}
