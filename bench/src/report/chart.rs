//! Charts, as SVG.

use std::{ops::Range, path::Path};

use anyhow::{Context, Result};
use plotters::{coord::Shift, prelude::*};

const WIDTH: u32 = 900;
/// Of one chart.
const HEIGHT: u32 = 360;
const COLORS: [RGBColor; 4] = [BLUE, RED, GREEN, BLACK];
const FONT: (&str, i32) = ("sans-serif", 15);

/// Some lines over one axis.
#[derive(Clone, Debug)]
pub struct Chart {
    /// What stands above it.
    pub title: String,
    /// What lies on the axis, which is logarithmic.
    pub x: &'static str,
    /// What the lines are.
    pub y: &'static str,
    /// The lines.
    pub lines: Vec<Line>,
}

/// One line.
#[derive(Clone, Debug)]
pub struct Line {
    /// Its name.
    pub name: &'static str,
    /// Its points, by their place on the axis.
    pub points: Vec<(f64, f64)>,
}

/// Draws charts one below the other.
///
/// # Errors
/// When the file cannot be written.
pub fn draw(file: &Path, charts: &[Chart]) -> Result<()> {
    let height = HEIGHT * u32::try_from(charts.len())?;
    let area = SVGBackend::new(file, (WIDTH, height)).into_drawing_area();
    area.fill(&WHITE)?;
    for (chart, area) in charts.iter().zip(area.split_evenly((charts.len(), 1))) {
        chart.draw(&area)?;
    }
    area.present()
        .with_context(|| format!("writing {}", file.display()))
}

impl Chart {
    fn draw(&self, area: &DrawingArea<SVGBackend<'_>, Shift>) -> Result<()> {
        let mut context = ChartBuilder::on(area)
            .caption(&self.title, FONT)
            .margin(12)
            .x_label_area_size(40)
            .y_label_area_size(80)
            .build_cartesian_2d(self.places().log_scale(), self.values())?;
        let mut mesh = context.configure_mesh();
        mesh.x_desc(self.x).y_desc(self.y).draw()?;
        for (line, color) in self.lines.iter().zip(COLORS) {
            let points = LineSeries::new(line.points.iter().copied(), color.stroke_width(2)).point_size(3);
            let legend = move |(x, y)| PathElement::new([(x, y), (x + 16, y)], color);
            context.draw_series(points)?.label(line.name).legend(legend);
        }
        let mut labels = context.configure_series_labels();
        labels.background_style(WHITE).border_style(BLACK).draw()?;
        Ok(())
    }

    /// From the first place to the last.
    fn places(&self) -> Range<f64> {
        let places = self.points().map(|(place, _)| place);
        let (least, greatest) = places.fold((f64::INFINITY, 1.0), |(least, greatest), place| {
            (f64::min(least, place), f64::max(greatest, place))
        });
        // One point, or none, is not much of an axis.
        let least = least.clamp(f64::MIN_POSITIVE, greatest);
        least..greatest.max(least * 2.0)
    }

    /// From 0 to a little above the greatest value.
    fn values(&self) -> Range<f64> {
        let greatest = self.points().map(|(_, value)| value).fold(0.0, f64::max);
        0.0..(greatest * 1.1).max(f64::MIN_POSITIVE)
    }

    fn points(&self) -> impl Iterator<Item = (f64, f64)> {
        self.lines.iter().flat_map(|line| line.points.iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(points: &[(f64, f64)]) -> Chart {
        Chart {
            title: "as a test wants it".to_owned(),
            x: "writers",
            y: "ms",
            lines: vec![Line {
                name: "p99",
                points: points.to_vec(),
            }],
        }
    }

    #[test]
    fn chart_has_its_axes_and_a_point_for_each_value() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("chart.svg");
        let points = [(1.0, 3.0), (4.0, 5.0), (64.0, 9.0)];
        draw(&file, &[chart(&points), chart(&points)]).unwrap();
        let svg = std::fs::read_to_string(file).unwrap();
        assert!(
            svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"),
            "{svg}"
        );
        assert_eq!(svg.matches("writers").count(), 2, "{svg}");
        assert_eq!(svg.matches("<circle").count(), 6, "{svg}");
    }

    #[test]
    fn chart_of_one_value_or_none_is_drawn() {
        let folder = tempfile::tempdir().unwrap();
        for points in [&[][..], &[(1.0, 0.0)], &[(8.0, 2.0)]] {
            draw(&folder.path().join("chart.svg"), &[chart(points)]).unwrap();
        }
    }
}
