//! Which colour is which class.

use super::{GAP, text};
use crate::model::Header;
use std::collections::BTreeMap;
use tiny_skia::{Color, Paint, Pixmap, Rect, Transform};

/// The side of a patch of colour, in pixels.
const PATCH: u32 = 14;

/// More classes than these are counted only.
const MOST: usize = 60;

/// The classes that were drawn.
#[derive(Debug, Default)]
pub(super) struct Legend(BTreeMap<Option<u32>, u64>);

/// A patch of colour and what it stands for.
pub(super) struct Entry {
    color: Option<Color>,
    text: String,
}

impl Legend {
    pub(super) fn count(&mut self, class: Option<u32>) {
        *self.0.entry(class).or_default() += 1;
    }

    pub(super) fn draw(&self, header: &Header) -> Vec<Entry> {
        let entry = |(class, count): (&Option<u32>, &u64)| {
            let name = class.and_then(|class| header.classes.get(class as usize));
            let name = name.map_or("(no class)", |class| &class.name);
            Entry { color: Some(color(*class, 1.0)), text: format!("{name} {count}") }
        };
        let mut entries: Vec<Entry> = self.0.iter().take(MOST).map(entry).collect();
        if self.0.len() > MOST {
            entries.push(Entry { color: None, text: format!("and {} more", self.0.len() - MOST) });
        }
        entries
    }
}

/// The colour of a class: hues as far apart as they can be, whatever their
/// number.
pub(super) fn color(class: Option<u32>, alpha: f32) -> Color {
    let Some(class) = class else { return Color::from_rgba(0.5, 0.5, 0.5, alpha).unwrap_or(Color::BLACK) };
    let hue = (f64::from(class) * 0.618_033_988_749_895).fract() as f32 * 6.0;
    let bright = if class.is_multiple_of(2) { 0.95 } else { 0.8 };
    let part = |shift: f32| {
        let at = (hue + shift).rem_euclid(6.0);
        bright * (1.0 - 0.85 * (at.min(4.0 - at)).clamp(0.0, 1.0))
    };
    Color::from_rgba(part(5.0), part(3.0), part(1.0), alpha).unwrap_or(Color::BLACK)
}

/// Calls `each` with every entry and its place, and says where the last row
/// ends.
fn place(entries: &[Entry], width: u32, mut each: impl FnMut(&Entry, u32, u32)) -> u32 {
    let (mut left, mut top) = (GAP, 0);
    for entry in entries {
        let wide = PATCH + GAP / 2 + text::width(&entry.text) + GAP;
        if left + wide > width && left > GAP {
            left = GAP;
            top += text::HEIGHT + GAP / 2;
        }
        each(entry, left, top);
        left += wide;
    }
    if entries.is_empty() { 0 } else { top + text::HEIGHT }
}

pub(super) fn height(entries: &[Entry], width: u32) -> u32 {
    place(entries, width, |_, _, _| {})
}

pub(super) fn write(entries: &[Entry], start: u32, page: &mut Pixmap) {
    let width = page.width();
    place(entries, width, |entry, left, top| {
        let top = start + top;
        if let Some(color) = entry.color {
            let mut paint = Paint::default();
            paint.set_color(color);
            let patch = Rect::from_xywh(left as f32, (top + 1) as f32, PATCH as f32, PATCH as f32);
            if let Some(patch) = patch {
                page.fill_rect(patch, &paint, Transform::identity(), None);
            }
        }
        text::write(&entry.text, left + PATCH + GAP / 2, top, text::BLACK, page);
    });
}
