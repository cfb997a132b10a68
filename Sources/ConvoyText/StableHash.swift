/// A hash that is the same in every process, on every machine and in every release, so that `percent` and `count` choose the same instances again.
///
/// FNV-1a with 64 bits over the UTF-8 bytes, then the finaliser of MurmurHash3: FNV alone leaves names that differ in their last digit next to each other.
package func stableHash(_ text: String) -> UInt64 {
    var fnv = FNV1a()
    fnv.add(text.utf8)
    var hash = fnv.value
    hash ^= hash >> 33
    hash &*= 0xff51_afd7_ed55_8ccd
    hash ^= hash >> 33
    hash &*= 0xc4ce_b9fe_1a85_ec53
    hash ^= hash >> 33
    return hash
}
