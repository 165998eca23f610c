"""The widget: a small script by which a page of somebody else lets its visitors say what they have to say."""
