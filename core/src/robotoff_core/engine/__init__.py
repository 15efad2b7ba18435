"""The flow itself: predict, import (reconcile), ask, answer, apply. Pure steps here, I/O at their edges."""
