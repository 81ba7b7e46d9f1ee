//! The one place where an instruction set is detected and entered.

/// Defines the token of an instruction set, which only detection makes, and
/// its operations, each a method that enters the function of the same name.
///
/// The list of features is both what is detected and what the functions are
/// entered with: the compiler refuses a function here that needs more.
macro_rules! instruction_set {
    (
        $(#[$doc:meta])*
        $token:ident, detected by $cpuid:ident: $features:tt
        $(fn $operation:ident($($argument:ident: $type:ty),*) $(-> $result:ty)?;)+
    ) => {
        instruction_set!(@detection $(#[$doc])* $token $cpuid $features);
        impl $token {
            $(instruction_set!(@entry $features $operation ($($argument: $type),*) ($($result)?));)+
        }
    };
    (@detection $(#[$doc:meta])* $token:ident $cpuid:ident [$($feature:tt),+]) => {
        cpufeatures::new!($cpuid, $($feature),+);

        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub struct $token(());

        impl $token {
            /// The token, where the processor and the system have it all.
            pub(crate) fn detect() -> Option<Self> {
                $cpuid::get().then_some(Self(()))
            }
        }
    };
    (@entry [$($feature:tt),+] $operation:ident ($($argument:ident: $type:ty),*) ($($result:ty)?)) => {
        #[inline]
        pub(crate) fn $operation(self, $($argument: $type),*) $(-> $result)? {
            #[target_feature($(enable = $feature),+)]
            fn enter($($argument: $type),*) $(-> $result)? {
                $operation($($argument),*)
            }
            // SAFETY: `self` is the proof that detection found every feature
            // that `enter` is compiled with: both are the same list.
            unsafe { enter($($argument),*) }
        }
    };
}
