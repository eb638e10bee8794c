//! Annotations drawn on their pictures.
//!
//! JPEG and PNG are decoded; of other kinds of pictures, and of those that are
//! not there, the annotations are drawn on grey. The orientation a camera
//! notes is not applied, as it is not in coordinates either.

mod legend;
mod marks;
mod picture;
mod text;

use crate::error::{Error, ErrorKind};
use crate::model::{Header, Item, Kind, Size};
use crate::report::Notes;
use crate::stream::{Source, Want};
use legend::Legend;
use tiny_skia::{Color, FilterQuality, Pixmap, PixmapPaint, Transform};

/// How a page looks.
#[derive(Clone, Debug)]
pub struct DrawOptions {
    /// The longer side of each picture on the page, in pixels.
    pub side: u32,
    /// How many pictures stand beside each other; 0 for about as many as below.
    pub columns: usize,
}

impl Default for DrawOptions {
    fn default() -> Self {
        Self { side: 1024, columns: 0 }
    }
}

/// Between things on the page, in pixels.
const GAP: u32 = 12;

/// No page is larger, in pixels.
const MAX_PAGE: u64 = 200_000_000;

/// Small pictures are enlarged, but not more than this.
const MAX_SCALE: f32 = 8.0;

/// Where no record and no file says a size.
const UNKNOWN: Size = Size { width: 640, height: 480 };

/// A picture with what is drawn on it.
struct Tile {
    pixmap: Pixmap,
    title: String,
}

/// Draws images of a source on a page, as a PNG file.
pub(crate) fn page(source: &dyn Source, images: &[usize], options: &DrawOptions) -> Result<Vec<u8>, Error> {
    if images.is_empty() {
        return Err(Error::new(ErrorKind::Options, "there is no image to draw"));
    }
    let mut legend = Legend::default();
    let mut tiles = Vec::new();
    for image in images {
        if *image >= source.len() {
            let message = format!("there is no image number {image}");
            return Err(Error::new(ErrorKind::Options, message)
                .hint(format!("the dataset has {}, counted from 0", source.len())));
        }
        tiles.push(read_tile(source, *image, options.side.clamp(16, 8192), &mut legend)?);
    }
    let page = arrange(&tiles, &legend.draw(source.header()), options.columns)?;
    page.encode_png()
        .map_err(|error| Error::new(ErrorKind::Io, format!("the page cannot be encoded: {error}")))
}

fn read_tile(source: &dyn Source, image: usize, side: u32, legend: &mut Legend) -> Result<Tile, Error> {
    let want = Want { shapes: true, sizes: true };
    let mut tile = None;
    source.read(image..image + 1, want, &mut Notes::default(), &mut |_, item, _| {
        tile = Some(draw(source.header(), image, item, side, legend)?);
        Ok(())
    })?;
    match tile {
        Some(tile) => Ok(tile),
        None => {
            let title = format!("{image} · {} cannot be read", source.image(image).1);
            Ok(Tile { pixmap: blank(UNKNOWN, scale(UNKNOWN, side))?, title })
        }
    }
}

fn draw(header: &Header, image: usize, item: &Item, side: u32, legend: &mut Legend) -> Result<Tile, Error> {
    let decoded = item.image.file.as_deref().and_then(picture::decode);
    // Coordinates are those of the record, even if the file has another size.
    let own = decoded.as_ref().map(|pixmap| Size { width: pixmap.width(), height: pixmap.height() });
    let size = item.image.size.or(own).filter(|size| size.width > 0 && size.height > 0).unwrap_or(UNKNOWN);
    let scale = scale(size, side);
    let mut pixmap = blank(size, scale)?;
    if let Some(picture) = &decoded {
        let stretch_x = pixmap.width() as f32 / picture.width() as f32;
        let stretch_y = pixmap.height() as f32 / picture.height() as f32;
        let quality = if stretch_x > 1.5 { FilterQuality::Nearest } else { FilterQuality::Bilinear };
        let paint = PixmapPaint { quality, ..PixmapPaint::default() };
        pixmap.draw_pixmap(0, 0, picture.as_ref(), &paint, Transform::from_scale(stretch_x, stretch_y), None);
    }
    let mut labels = Vec::new();
    for annotation in &item.annotations {
        legend.count(annotation.class);
        marks::draw(header, item, annotation, scale, &mut pixmap);
        if annotation.kind == Kind::Label {
            labels.extend(annotation.class.and_then(|class| header.classes.get(class as usize)));
        }
    }
    let mut title = format!("{image} · {}", item.image.path);
    if decoded.is_none() {
        title.push_str(" · no picture");
    }
    for label in labels {
        title.push_str(&format!(" · {}", label.name));
    }
    Ok(Tile { pixmap, title })
}

fn scale(size: Size, side: u32) -> f32 {
    (side as f32 / size.width.max(size.height) as f32).min(MAX_SCALE)
}

fn blank(size: Size, scale: f32) -> Result<Pixmap, Error> {
    let length = |side: u32| ((side as f32 * scale).round() as u32).max(1);
    let mut pixmap = new(length(size.width), length(size.height))?;
    pixmap.fill(Color::from_rgba8(208, 208, 208, 255));
    Ok(pixmap)
}

fn new(width: u32, height: u32) -> Result<Pixmap, Error> {
    let pixmap = Pixmap::new(width, height).filter(|_| u64::from(width) * u64::from(height) <= MAX_PAGE);
    pixmap.ok_or_else(|| {
        Error::new(ErrorKind::Options, format!("a page of {width} × {height} is too large"))
            .hint("draw fewer images, or smaller ones")
    })
}

/// Puts tiles in rows, with titles below them and the legend last.
fn arrange(tiles: &[Tile], legend: &[legend::Entry], columns: usize) -> Result<Pixmap, Error> {
    let columns = match columns {
        0 => (tiles.len() as f64).sqrt().ceil() as usize,
        columns => columns.min(tiles.len()),
    };
    let cell = tiles.iter().map(|tile| tile.pixmap.width()).max().unwrap_or(1).max(160);
    let width = GAP + columns as u32 * (cell + GAP);
    let rows: Vec<&[Tile]> = tiles.chunks(columns).collect();
    let tall = |row: &[Tile]| row.iter().map(|tile| tile.pixmap.height()).max().unwrap_or(0);
    let row_height = |row: &[Tile]| tall(row) + text::HEIGHT + 2 * GAP;
    let below: u32 = rows.iter().map(|row| row_height(row)).sum::<u32>() + GAP;
    let mut page = new(width, below + legend::height(legend, width) + GAP)?;
    page.fill(Color::WHITE);
    let mut top = GAP;
    for row in rows {
        for (column, tile) in row.iter().enumerate() {
            let left = GAP + column as u32 * (cell + GAP);
            let paint = PixmapPaint::default();
            page.draw_pixmap(
                left as i32,
                top as i32,
                tile.pixmap.as_ref(),
                &paint,
                Transform::identity(),
                None,
            );
            let under = top + tile.pixmap.height() + GAP / 3;
            text::write(&text::fitting(&tile.title, cell), left, under, text::BLACK, &mut page);
        }
        top += row_height(row);
    }
    legend::write(legend, below, &mut page);
    Ok(page)
}
