//! `export_plugin!`: the only place that emits exported symbols.

/// Makes a crate a plugin: exports its identity and its entry point.
///
/// Name every action, as it is called in the source:
///
/// ```ignore
/// synapse_sdk::export_plugin!(greet, train::Train);
/// ```
///
/// The names are then checked by the compiler, stand in the file for whoever
/// reads it, and keep actions of other crates from being dropped by the linker.
/// `export_plugin!()` exports whatever is registered; which actions there are is
/// then known only once the plugin is loaded.
///
/// `config.yaml` beside `Cargo.toml` becomes part of the plugin. Nothing is
/// exported under `cfg(test)`, nor with the crate feature `static`, so that
/// several plugins can be linked into one program.
#[macro_export]
macro_rules! export_plugin {
    ($($action:path),* $(,)?) => {
        #[allow(unexpected_cfgs)]
        #[cfg(not(any(test, feature = "static")))]
        const _: () = {
            use $crate::abi::identity::{self, Blob, Package};

            const PACKAGE: Package = Package { name: env!("CARGO_PKG_NAME"), version: env!("CARGO_PKG_VERSION") };
            const FACTS: &[&$crate::action::ActionFacts] = &[$(<$action as $crate::ActionMeta>::FACTS),*];
            const CONFIG: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/config.yaml"));
            const LISTED: &[fn() -> &'static $crate::action::ActionDef] =
                &[$(<$action as $crate::ActionMeta>::def),*];
            const _: () = identity::assert_distinct(FACTS);

            #[unsafe(no_mangle)]
            #[unsafe(link_section = ".synapse")]
            pub static SYNAPSE_PLUGIN_V1: Blob<{ identity::json_len(&PACKAGE, FACTS) }, { CONFIG.len() }> = Blob::new(
                identity::flags(cfg!(panic = "unwind"), !LISTED.is_empty(), cfg!(debug_assertions)),
                &PACKAGE,
                FACTS,
                *include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/config.yaml")),
            );

            /// # Safety
            /// Called by a host, by the rules of the plugin interface.
            #[unsafe(no_mangle)]
            pub unsafe extern "C" fn synapse_plugin_init_v1(
                host: *const $crate::abi::layout::SynHost,
                out: *mut *const $crate::abi::layout::SynPlugin,
            ) -> i32 {
                // SAFETY: the host keeps the rules of the interface.
                unsafe { $crate::abi::plugin_side::init(host, out, LISTED) }
            }
        };
    };
}
