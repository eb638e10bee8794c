//! The macros know every category and method of the SDK. Who adds one finds
//! this file, because the matches are complete.
use synapse_sdk::prelude::*;

macro_rules! actions {
    ($key:ident of $vocabulary:ident: $($name:ident = $variant:ident = $text:literal,)*) => {
        $(
            mod $name {
                use synapse_sdk::prelude::*;

                #[action($key = $variant)]
                pub fn by_variant(_params: (), _ctx: &Context) -> Result<()> {
                    Ok(())
                }

                #[action($key = $text)]
                pub fn by_text(_params: (), _ctx: &Context) -> Result<()> {
                    Ok(())
                }

                #[action($key = $vocabulary::$variant)]
                pub fn by_path(_params: (), _ctx: &Context) -> Result<()> {
                    Ok(())
                }
            }
        )*

        fn $key(word: $vocabulary) {
            use synapse_sdk::ActionMeta as _;
            match word {
                $($vocabulary::$variant => {
                    assert_eq!($name::by_variant::FACTS.$key, Some(word));
                    assert_eq!($name::by_text::FACTS.$key, Some(word));
                    assert_eq!($name::by_path::FACTS.$key, Some(word));
                })*
            }
        }
    };
}

actions! { category of Category:
    neural_net = NeuralNet = "neural_net",
    export = Export = "export",
    upload = Upload = "upload",
    smart_tool = SmartTool = "smart_tool",
    post_annotation = PostAnnotation = "post_annotation",
    pre_annotation = PreAnnotation = "pre_annotation",
    data_validation = DataValidation = "data_validation",
    custom = Custom = "custom",
}

actions! { method of Method:
    job = Job = "job",
    task = Task = "task",
    serve = Serve = "serve",
    rest_api = RestApi = "restapi",
    local = Local = "local",
}

fn main() {
    use synapse_sdk::words::Word;
    Category::ALL.iter().copied().for_each(category);
    Method::ALL.iter().copied().for_each(method);
}
