//! Numbers of nf_tables (the kernel's include/uapi/linux/netfilter/nf_tables.h) that both writing and reading need.

use crate::netfilter::message::{NFTABLES, kind};

/// The family `inet`.
pub(super) const NFPROTO_INET: u8 = 1;

pub(super) const NEWTABLE: u16 = kind(NFTABLES, 0);
pub(super) const GETTABLE: u16 = kind(NFTABLES, 1);
pub(super) const DELTABLE: u16 = kind(NFTABLES, 2);
pub(super) const NEWCHAIN: u16 = kind(NFTABLES, 3);
pub(super) const GETCHAIN: u16 = kind(NFTABLES, 4);
pub(super) const NEWRULE: u16 = kind(NFTABLES, 6);
pub(super) const GETRULE: u16 = kind(NFTABLES, 7);
pub(super) const NEWSET: u16 = kind(NFTABLES, 9);
pub(super) const GETSET: u16 = kind(NFTABLES, 10);
pub(super) const NEWSETELEM: u16 = kind(NFTABLES, 12);
pub(super) const GETSETELEM: u16 = kind(NFTABLES, 13);
pub(super) const NEWGEN: u16 = kind(NFTABLES, 15);
pub(super) const GETGEN: u16 = kind(NFTABLES, 16);

/// Of every kind of message that belongs to a table: the table's name.
pub(super) const TABLE_NAME: u16 = 1;
pub(super) const TABLE_FLAGS: u16 = 2;
/// How many chains, sets and other things stand in it.
pub(super) const TABLE_USE: u16 = 3;

pub(super) const CHAIN_NAME: u16 = 3;
pub(super) const CHAIN_HOOK: u16 = 4;
pub(super) const CHAIN_POLICY: u16 = 5;
pub(super) const CHAIN_TYPE: u16 = 7;
pub(super) const CHAIN_FLAGS: u16 = 10;
pub(super) const HOOK_NUMBER: u16 = 1;
pub(super) const HOOK_PRIORITY: u16 = 2;
/// `NF_INET_LOCAL_IN`.
pub(super) const LOCAL_IN: u32 = 1;
/// `NF_INET_LOCAL_OUT`.
pub(super) const LOCAL_OUT: u32 = 3;
pub(super) const NF_DROP: u32 = 0;
pub(super) const NF_ACCEPT: u32 = 1;

pub(super) const RULE_CHAIN: u16 = 2;
pub(super) const RULE_EXPRESSIONS: u16 = 4;
pub(super) const RULE_USERDATA: u16 = 7;
/// Of a rule's user data: a comment, as `nft` writes it.
pub(super) const USERDATA_COMMENT: u8 = 0;

pub(super) const SET_NAME: u16 = 2;
pub(super) const SET_FLAGS: u16 = 3;
pub(super) const SET_KEY_TYPE: u16 = 4;
pub(super) const SET_KEY_LENGTH: u16 = 5;
pub(super) const SET_ID: u16 = 10;
pub(super) const SET_USERDATA: u16 = 13;
/// `NFT_SET_INTERVAL`.
pub(super) const SET_OF_INTERVALS: u32 = 4;

pub(super) const ELEMENTS_SET: u16 = 2;
pub(super) const ELEMENTS_LIST: u16 = 3;
pub(super) const ELEMENT_KEY: u16 = 1;
pub(super) const ELEMENT_FLAGS: u16 = 3;
pub(super) const ELEMENT_USERDATA: u16 = 6;
/// `NFT_SET_ELEM_INTERVAL_END`.
pub(super) const INTERVAL_END: u32 = 1;

pub(super) const LIST_ELEMENT: u16 = 1;
pub(super) const DATA_VALUE: u16 = 1;

pub(super) const GENERATION_ID: u16 = 1;
