// SPDX-License-Identifier: MIT
// What Hornet adds to a GPT disk: the partition type of a tfs partition. The kernel takes the first
// partition of this type on its disks as its root. Chosen once at random; tools/image.py writes it.
// Source of the byte order: UEFI 2.10, 5.3 and appendix A (the first three fields of a GUID are
// little-endian).
#pragma once
#include <lib/types.h>

// 8B53352E-653A-474C-8623-40050072354E as it lies on the disk.
constexpr u8 GPT_TYPE_HORNET_TFS[16] = {0x2e, 0x35, 0x53, 0x8b, 0x3a, 0x65, 0x4c, 0x47,
                                        0x86, 0x23, 0x40, 0x05, 0x00, 0x72, 0x35, 0x4e};
