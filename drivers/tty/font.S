// SPDX-License-Identifier: MIT
// The console's font, packed by tools/font.py under the build folder.
.section .rodata
.balign 16
.globl fbcon_font, fbcon_font_end
.hidden fbcon_font, fbcon_font_end
fbcon_font:
.incbin "font.bin"
fbcon_font_end:
.balign 16
.section .note.GNU-stack, "", @progbits
