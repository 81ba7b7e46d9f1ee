//! Plots, as SVG that is legible on light and dark paper.

use std::fmt::Write;

/// One line of a plot, or one colour of bars.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// What it shows.
    pub name: String,
    /// A value for each place on the horizontal axis; `None` where there is none.
    pub values: Vec<Option<f64>>,
}

/// What a plot has in common with every other.
#[derive(Clone, Debug, PartialEq)]
pub struct Plot {
    /// Above it.
    pub title: String,
    /// What the places on the horizontal axis are.
    pub across: String,
    /// What the vertical axis counts.
    pub up: String,
    /// The places' names.
    pub places: Vec<String>,
    /// What is shown.
    pub series: Vec<Series>,
}

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 420.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 50.0;
const BOTTOM: f64 = 112.0;

/// Colours that are told apart on white and on black, and by most colour-blind
/// eyes (after Okabe and Ito).
const COLOURS: [&str; 8] = [
    "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#b3a300", "#8a8a8a",
];

const STYLE: &str = "text{font:12px system-ui,sans-serif;fill:#1f2328}.title{font-size:15px;font-weight:600}\
.grid{stroke:#d0d7de}.axis{stroke:#57606a}.paper{fill:#ffffff}.value{font-size:10px}\
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.grid{stroke:#30363d}.axis{stroke:#8b949e}.paper{fill:#0d1117}}";

impl Plot {
    /// Bars side by side at each place, from zero, each with its value.
    #[must_use]
    pub fn bars(&self) -> String {
        let scale = Scale::linear(self.values());
        let mut svg = self.begin(&scale);
        let slot = self.slot();
        let width = slot * 0.84 / self.series.len().max(1) as f64;
        for (at, series) in self.series.iter().enumerate() {
            for (place, value) in series.values.iter().enumerate() {
                let Some(value) = *value else { continue };
                let x = LEFT + slot * (place as f64 + 0.08) + width * at as f64;
                let y = scale.y(value);
                let height = HEIGHT - BOTTOM - y;
                let colour = colour(at);
                let _ = writeln!(
                    svg,
                    r#"<rect x="{x:.1}" y="{y:.1}" width="{:.1}" height="{height:.1}" fill="{colour}"><title>{}: {}</title></rect>"#,
                    width * 0.92,
                    escaped(&series.name),
                    figure(value),
                );
                let middle = x + width * 0.46;
                let _ = writeln!(
                    svg,
                    r#"<text class="value" x="{middle:.1}" y="{:.1}" text-anchor="middle">{}</text>"#,
                    y - 3.0,
                    figure(value),
                );
            }
        }
        svg.push_str("</svg>\n");
        svg
    }

    /// A line for each series; the vertical axis is logarithmic.
    #[must_use]
    pub fn lines(&self) -> String {
        let scale = Scale::logarithmic(self.values());
        let mut svg = self.begin(&scale);
        let slot = self.slot();
        for (at, series) in self.series.iter().enumerate() {
            let points: Vec<(f64, f64, f64)> = series
                .values
                .iter()
                .enumerate()
                .filter_map(|(place, value)| {
                    let value = (*value)?;
                    Some((LEFT + slot * (place as f64 + 0.5), scale.y(value), value))
                })
                .collect();
            let path: Vec<String> = points
                .iter()
                .map(|(x, y, _)| format!("{x:.1},{y:.1}"))
                .collect();
            let colour = colour(at);
            let _ = writeln!(
                svg,
                r#"<polyline points="{}" fill="none" stroke="{colour}" stroke-width="2"/>"#,
                path.join(" "),
            );
            for (x, y, value) in points {
                let _ = writeln!(
                    svg,
                    r#"<circle cx="{x:.1}" cy="{y:.1}" r="4" fill="{colour}"><title>{}: {}</title></circle>"#,
                    escaped(&series.name),
                    figure(value),
                );
                let _ = writeln!(
                    svg,
                    r#"<text class="value" x="{x:.1}" y="{:.1}" text-anchor="middle">{}</text>"#,
                    y - 7.0,
                    figure(value),
                );
            }
        }
        svg.push_str("</svg>\n");
        svg
    }

    fn values(&self) -> impl Iterator<Item = f64> + Clone + '_ {
        self.series
            .iter()
            .flat_map(|series| series.values.iter().copied().flatten())
    }

    fn slot(&self) -> f64 {
        (WIDTH - LEFT - RIGHT) / self.places.len().max(1) as f64
    }

    /// Everything but the values.
    fn begin(&self, scale: &Scale) -> String {
        let mut svg = String::new();
        let _ = writeln!(
            svg,
            r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{}">"#,
            escaped(&self.title),
        );
        let _ = writeln!(svg, "<style>{STYLE}</style>");
        let _ = writeln!(
            svg,
            r#"<rect class="paper" width="{WIDTH}" height="{HEIGHT}"/>"#
        );
        let _ = writeln!(
            svg,
            r#"<text class="title" x="{LEFT}" y="24">{}</text>"#,
            escaped(&self.title),
        );
        let _ = writeln!(
            svg,
            r#"<text x="{LEFT}" y="41">{}</text>"#,
            escaped(&self.up)
        );
        for mark in scale.marks() {
            let y = scale.y(mark);
            let _ = writeln!(
                svg,
                r#"<line class="grid" x1="{LEFT}" x2="{}" y1="{y:.1}" y2="{y:.1}"/><text x="{}" y="{:.1}" text-anchor="end">{}</text>"#,
                WIDTH - RIGHT,
                LEFT - 8.0,
                y + 4.0,
                figure(mark),
            );
        }
        let floor = HEIGHT - BOTTOM;
        let _ = writeln!(
            svg,
            r#"<line class="axis" x1="{LEFT}" x2="{}" y1="{floor}" y2="{floor}"/>"#,
            WIDTH - RIGHT,
        );
        for (place, name) in self.places.iter().enumerate() {
            let _ = writeln!(
                svg,
                r#"<text x="{:.1}" y="{}" text-anchor="middle">{}</text>"#,
                LEFT + self.slot() * (place as f64 + 0.5),
                floor + 18.0,
                escaped(name),
            );
        }
        let _ = writeln!(
            svg,
            r#"<text x="{:.1}" y="{}" text-anchor="middle">{}</text>"#,
            LEFT + (WIDTH - LEFT - RIGHT) / 2.0,
            floor + 36.0,
            escaped(&self.across),
        );
        self.legend(&mut svg);
        svg
    }

    /// Four names a line.
    fn legend(&self, svg: &mut String) {
        let column = (WIDTH - LEFT - RIGHT) / 4.0;
        for (at, series) in self.series.iter().enumerate() {
            let x = LEFT + column * (at % 4) as f64;
            let y = HEIGHT - BOTTOM + 58.0 + 20.0 * (at / 4) as f64;
            let _ = writeln!(
                svg,
                r#"<rect x="{x:.1}" y="{:.1}" width="12" height="12" fill="{}"/><text x="{:.1}" y="{y:.1}">{}</text>"#,
                y - 10.0,
                colour(at),
                x + 18.0,
                escaped(&series.name),
            );
        }
    }
}

fn colour(at: usize) -> &'static str {
    COLOURS[at % COLOURS.len()]
}

/// From values to heights.
struct Scale {
    low: f64,
    high: f64,
    logarithmic: bool,
}

impl Scale {
    fn linear(values: impl Iterator<Item = f64>) -> Self {
        let high = values.fold(0.0, f64::max);
        Self {
            low: 0.0,
            high: if high > 0.0 { high * 1.06 } else { 1.0 },
            logarithmic: false,
        }
    }

    /// Whole decades.
    fn logarithmic(values: impl Iterator<Item = f64> + Clone) -> Self {
        let positive = values.filter(|&value| value > 0.0);
        let least = positive.clone().fold(f64::INFINITY, f64::min);
        let most = positive.fold(0.0, f64::max);
        let (low, high) = match least <= most {
            true => (least.log10().floor(), most.log10().ceil()),
            false => (0.0, 1.0),
        };
        Self {
            low: 10f64.powf(low),
            high: 10f64.powf(high.max(low + 1.0)),
            logarithmic: true,
        }
    }

    fn y(&self, value: f64) -> f64 {
        let part = match self.logarithmic {
            true => (value / self.low).log10() / (self.high / self.low).log10(),
            false => value / self.high,
        };
        HEIGHT - BOTTOM - part.clamp(0.0, 1.0) * (HEIGHT - TOP - BOTTOM)
    }

    /// Round values, about five of them, or the decades.
    fn marks(&self) -> Vec<f64> {
        let mut marks = Vec::new();
        if self.logarithmic {
            let mut mark = self.low;
            while mark <= self.high * 1.001 {
                marks.push(mark);
                mark *= 10.0;
            }
        } else {
            let rough = self.high / 5.0;
            let decade = 10f64.powf(rough.log10().floor());
            let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * decade);
            let step = steps
                .into_iter()
                .find(|&step| step >= rough)
                .unwrap_or(rough);
            let mut mark = 0.0;
            while mark <= self.high {
                marks.push(mark);
                mark += step;
            }
        }
        marks
    }
}

/// Three figures, and thousands apart.
pub(crate) fn figure(value: f64) -> String {
    if value == 0.0 {
        return "0".into();
    }
    let digits = match value.abs() {
        value if value >= 99.95 => 0,
        value if value >= 9.995 => 1,
        _ => 2,
    };
    let text = format!("{value:.digits$}");
    let (whole, part) = match text.split_once('.') {
        Some((whole, part)) => (whole, Some(part)),
        None => (text.as_str(), None),
    };
    let mut grouped = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    match part {
        Some(part) => format!("{grouped}.{part}"),
        None => grouped,
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot() -> Plot {
        let series = |name: &str, values: &[Option<f64>]| Series {
            name: name.into(),
            values: values.into(),
        };
        Plot {
            title: "a < b & \"c\"".into(),
            across: "payload".into(),
            up: "ns".into(),
            places: vec!["20".into(), "160".into()],
            series: vec![
                series("ours", &[Some(1.0), Some(20_000.0)]),
                series("theirs", &[None, Some(3.0)]),
            ],
        }
    }

    #[test]
    fn a_plot_shows_every_value_and_escapes_every_name() {
        for svg in [plot().bars(), plot().lines()] {
            assert!(svg.contains("a &lt; b &amp; &quot;c&quot;"), "{svg}");
            assert!(svg.contains("20,000"), "{svg}");
            assert_eq!(svg.matches("class=\"value\"").count(), 3, "{svg}");
            assert!(svg.trim_end().ends_with("</svg>"), "{svg}");
        }
    }

    #[test]
    fn a_plot_of_nothing_is_a_plot() {
        let empty = Plot {
            series: Vec::new(),
            places: Vec::new(),
            ..plot()
        };
        assert!(empty.bars().contains("</svg>"));
        assert!(empty.lines().contains("</svg>"));
    }

    #[test]
    fn figures_have_three_digits_and_groups() {
        for (value, text) in [
            (0.0, "0"),
            (1.234, "1.23"),
            (40.06, "40.1"),
            (1234.0, "1,234"),
        ] {
            assert_eq!(figure(value), text);
        }
    }
}
