//! `export_plugin!`: the only place that emits exported symbols.

/// Makes a crate a plugin: exports its identity and its entry point.
///
/// Name every action, as it is called in the source:
///
/// ```text
/// synapse_sdk::export_plugin!(greet, train::Train);
/// ```
///
/// The names are then checked by the compiler, stand in the file for whoever
/// reads it, and keep actions of other crates from being dropped by the linker.
/// `export_plugin!()` exports whatever is registered; which actions there are is
/// then known only once the plugin is loaded.
///
/// A plugin that is of no use without a service of the host says so; a host
/// that does not offer it then refuses the plugin before any of it runs:
///
/// ```text
/// synapse_sdk::export_plugin!(label, train::Train; requires = ["client.request/1"]);
/// ```
///
/// `config.yaml` beside `Cargo.toml` becomes part of the plugin. Nothing is
/// exported under `cfg(test)`, nor with the crate feature `static`, so that
/// several plugins can be linked into one program.
#[macro_export]
macro_rules! export_plugin {
    ($($action:ty),* $(,)? $(; requires = [$($service:literal),* $(,)?])?) => {
        // On the outer item, because an item's own `allow` comes too late for its `cfg`.
        #[allow(unexpected_cfgs)]
        const _: () = {
            // Nothing is imported here: an action may have any name.
            #[cfg(not(any(test, feature = "static")))]
            const _: () = {
                const PACKAGE: $crate::abi::identity::Package = $crate::abi::identity::Package {
                    name: ::core::env!("CARGO_PKG_NAME"),
                    version: ::core::env!("CARGO_PKG_VERSION"),
                    requires: &[$($($service),*)?],
                    target_features: &TARGET_FEATURES,
                };
                const COMPILED: &[(&::core::primitive::str, ::core::primitive::bool)] =
                    $crate::__target_features!($crate::__compiled_features);
                const TARGET_FEATURES: [&::core::primitive::str; $crate::abi::target_features::count(COMPILED)] =
                    $crate::abi::target_features::enabled(COMPILED);
                const _: () = $crate::abi::identity::check_services(PACKAGE.requires);
                const LISTED: &[$crate::__private::Listed] = &[$(<$action as $crate::__private::Listable>::LISTED),*];
                const CONFIG: &[u8] = ::core::include_bytes!(::core::concat!(
                    ::core::env!("CARGO_MANIFEST_DIR"),
                    "/config.yaml"
                ));
                const _: () = $crate::__private::distinct_names(LISTED);

                #[unsafe(no_mangle)]
                #[unsafe(link_section = ".synapse")]
                pub static SYNAPSE_PLUGIN_V1: $crate::abi::identity::Blob<
                    { $crate::abi::identity::json_len(&PACKAGE, LISTED) },
                    { CONFIG.len() },
                > = $crate::abi::identity::Blob::new(
                    $crate::abi::identity::flags(
                        ::core::cfg!(panic = "unwind"),
                        !LISTED.is_empty(),
                        ::core::cfg!(debug_assertions),
                    ),
                    &PACKAGE,
                    LISTED,
                    CONFIG,
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
    };
    ($($other:tt)*) => {
        ::core::compile_error!(
            "name the actions as they are called in the source, with commas between: `export_plugin!(greet, train::Train)`"
        );
    };
}
