//! Where in a document something stands.

use super::push_field;

/// A place is told from the inside out, so that going deeper costs nothing: a
/// pointer is only written where one is asked for.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    above: Option<&'a Place<'a>>,
    step: Step<'a>,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Root,
    Field(&'a str),
    Item(usize),
}

impl<'a> Place<'a> {
    pub(super) const ROOT: Place<'static> = Place { above: None, step: Step::Root };

    pub(super) fn field(&'a self, name: &'a str) -> Place<'a> {
        Place { above: Some(self), step: Step::Field(name) }
    }

    pub(super) fn item(&'a self, index: usize) -> Place<'a> {
        Place { above: Some(self), step: Step::Item(index) }
    }

    /// As a JSON pointer.
    pub(super) fn pointer(&self) -> String {
        let mut pointer = String::new();
        self.write(&mut pointer);
        pointer
    }

    fn write(&self, pointer: &mut String) {
        if let Some(above) = self.above {
            above.write(pointer);
        }
        match self.step {
            Step::Root => {}
            Step::Field(name) => push_field(pointer, name),
            Step::Item(index) => push_field(pointer, &index.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Place;

    #[test]
    fn a_pointer_names_every_step_and_escapes_names() {
        let list = Place::ROOT.field("a/b~c");
        let item = list.item(10);
        assert_eq!(item.field("").pointer(), "/a~1b~0c/10/");
        assert_eq!(Place::ROOT.pointer(), "");
    }
}
