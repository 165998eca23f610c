"""What bots of chats and pagers are sent, and what their answers mean. Rules only."""
