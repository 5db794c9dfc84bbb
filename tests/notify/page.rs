//! Is what the page on alerts says of signatures true?

use super::receiver::sign;
