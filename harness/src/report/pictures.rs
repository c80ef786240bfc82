//! The still plots as files of their own, for papers and issues: each is a picture that needs nothing beside itself.

use super::data::Data;
use super::{Run, palette, plots};

/// What the page's style sheet says of drawings.
const STYLE: &str = ":root{--ground:#fbfbfa;--card:#fff;background:var(--ground);font-family:system-ui,sans-serif}\
@media screen and (prefers-color-scheme:dark){:root{--ground:#14171a;--card:#1b1f24}}\
.band{opacity:.13}.stall{opacity:.4}\
.moment{stroke:var(--moment);stroke-width:2px;vector-effect:non-scaling-stroke}\
.pattern{fill:none;stroke:var(--card);stroke-width:1.5;stroke-opacity:.75}";

/// Every plot that this run has something for: its name as that of a file, and the picture as SVG.
pub fn pictures(run: &Run) -> Vec<(String, String)> {
    let data = Data::new(run);
    let style = format!("<style>{}{STYLE}</style>", palette::style_sheet());
    let definitions = plots::definitions(&data).to_string();
    (plots::panels(&data).into_iter())
        .filter_map(|panel| {
            let svg = panel.svg.ok()?;
            let (open, content) = svg.split_once('>')?;
            let open = open.replacen("<svg", "<svg xmlns=\"http://www.w3.org/2000/svg\"", 1);
            let title = super::html::text(&panel.title);
            let picture =
                format!("{open}>\n<title>{title}</title>\n{style}\n{definitions}{content}\n");
            Some((format!("{}.svg", name(&panel.title)), picture))
        })
        .collect()
}

/// A title as the name of a file: `latency-of-read`.
fn name(title: &str) -> String {
    let letters = title.chars().map(|letter| match letter {
        letter if letter.is_ascii_alphanumeric() => letter.to_ascii_lowercase(),
        _ => '-',
    });
    letters.collect()
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    #[test]
    fn pictures_have_names_of_their_own_and_all_that_they_refer_to() {
        let pictures = pictures(&fixture::invalid());
        assert!(
            pictures
                .iter()
                .any(|(name, _)| name == "latency-of-read.svg")
        );
        for (at, (name, picture)) in pictures.iter().enumerate() {
            assert!(
                pictures[..at].iter().all(|(other, _)| other != name),
                "{name}"
            );
            assert!(picture.starts_with("<svg xmlns="), "{name}");
            for used in picture.split("var(--").skip(1) {
                let variable = used.split(')').next().unwrap_or("");
                assert!(
                    picture.contains(&format!("--{variable}:")),
                    "{variable} in {name}"
                );
            }
            for used in picture.split("url(#").skip(1) {
                let id = used.split(')').next().unwrap_or("");
                assert!(picture.contains(&format!("id=\"{id}\"")), "{id} in {name}");
            }
        }
    }
}
