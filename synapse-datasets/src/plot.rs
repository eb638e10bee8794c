//! A survey as a picture.

use crate::survey::Survey;
use std::fmt::Write;

/// So many classes are drawn, the most frequent ones.
const CLASSES: usize = 40;

const WIDTH: u32 = 760;
const ROW: u32 = 20;
const LABELS: u32 = 180;
const BARS: u32 = 460;

/// Bars with labels before and numbers behind them.
struct Bars<'b> {
    title: String,
    color: &'b str,
    rows: Vec<(String, u64)>,
}

impl Survey {
    /// The histograms of classes and of sizes of objects, as an SVG document.
    pub fn to_svg(&self) -> String {
        let mut classes: Vec<(String, u64)> =
            self.classes.iter().map(|class| (class.name.clone(), class.annotations)).collect();
        classes.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let title = match classes.len() {
            count if count > CLASSES => format!("Annotations by class, the first {CLASSES} of {count}"),
            _ => "Annotations by class".to_owned(),
        };
        classes.truncate(CLASSES);
        let sizes =
            self.object_sizes.iter().map(|size| (format!("{} to {}", size.from, size.to), size.count));
        let charts = [
            Bars { title, color: "#3b6fb6", rows: classes },
            Bars {
                title: "Objects by the square root of the area of their box, in pixels".to_owned(),
                color: "#b65f3b",
                rows: sizes.collect(),
            },
        ];
        let mut body = String::new();
        let mut top = 24;
        for chart in charts.iter().filter(|chart| !chart.rows.is_empty()) {
            top = chart.draw(top, &mut body);
        }
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{top}\" \
             viewBox=\"0 0 {WIDTH} {top}\" font-family=\"sans-serif\" font-size=\"12\">\n\
             <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n{body}</svg>\n"
        )
    }
}

impl Bars<'_> {
    /// Draws below `top` and says where it ends.
    fn draw(&self, top: u32, out: &mut String) -> u32 {
        let most = self.rows.iter().map(|(_, count)| *count).max().unwrap_or(0).max(1);
        let mut at = top;
        // Writing to a string does not fail.
        let _ = writeln!(
            out,
            "<text x=\"12\" y=\"{at}\" font-size=\"14\" font-weight=\"bold\">{}</text>",
            escaped(&self.title)
        );
        for (name, count) in &self.rows {
            at += ROW;
            let width = *count as f64 / most as f64 * f64::from(BARS);
            let short: String = name.chars().take(28).collect();
            let _ = writeln!(
                out,
                "<text x=\"{LABELS}\" y=\"{at}\" text-anchor=\"end\">{}</text>\
                 <rect x=\"{}\" y=\"{}\" width=\"{width:.1}\" height=\"14\" fill=\"{}\"><title>{}: {count}</title></rect>\
                 <text x=\"{:.1}\" y=\"{at}\" fill=\"#555555\">{count}</text>",
                escaped(&short),
                LABELS + 8,
                at - 11,
                self.color,
                escaped(name),
                f64::from(LABELS + 14) + width,
            );
        }
        at + 2 * ROW
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // XML has no other control characters.
            character if character.is_control() => out.push(' '),
            character => out.push(character),
        }
    }
    out
}
