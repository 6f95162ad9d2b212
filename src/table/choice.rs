//! Settings with a fixed list of values: one byte in a record, the value's place in the list.

/// Defines such a setting. The byte is postcard's own for an enum; its decoder for enums, which allows values with
/// content, is three hundred bytes of code for each.
macro_rules! choice {
    ($(#[$meta:meta])* pub enum $name:ident { $($(#[$doc:meta])* $variant:ident,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "u8")]
        pub enum $name { $($(#[$doc])* $variant,)+ }

        impl TryFrom<u8> for $name {
            type Error = &'static str;

            fn try_from(byte: u8) -> Result<Self, Self::Error> {
                const VALUES: &[$name] = &[$($name::$variant,)+];
                VALUES.get(usize::from(byte)).copied().ok_or("not in the list of values")
            }
        }
    };
}
