impl ::synapse_sdk::data_type::DataType for Panoramas {
    const FACTS: &'static ::synapse_sdk::data_type::DataTypeFacts = &::synapse_sdk::data_type::DataTypeFacts {
        id: "panoramas",
        format: ::core::option::Option::Some("panorama"),
        description: "Panoramas with labels.",
        parent: ::core::option::Option::Some(
            <YoloDataset as ::synapse_sdk::data_type::DataType>::FACTS,
        ),
    };
    type Path = <<YoloDataset as ::synapse_sdk::data_type::DataType>::Path as ::synapse_sdk::__private::Path>::With<
        Self,
    >;
}
