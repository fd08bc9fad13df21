"""The chat endpoint for every signed-in user, and a conversation's statistics for staff."""

from asgiref.sync import async_to_sync
from rest_framework.permissions import IsAdminUser
from rest_framework.response import Response
from rest_framework.serializers import CharField, Serializer
from rest_framework.views import APIView

from hydrochat_app.conversation import conversations
from hydrochat_app.graph import graph
from hydrochat_otel.agent_stats import agent_stats
from hydrochat_otel.instrumentation.tracker import track_response_time


class Message(Serializer):
    """A nurse's message."""

    message = CharField(max_length=5000)
    conversation_id = CharField(required=False, max_length=32)


class ChatAPIView(APIView):
    """One turn: POST a message, get its intent and the reply."""

    def post(self, request):
        """Take one turn; the graph is asynchronous and runs in an event loop of this request."""
        message = Message(data=request.data)
        message.is_valid(raise_exception=True)
        written = message.validated_data
        conversation = conversations.get_or_begin(written.get("conversation_id"))
        turn = {"message": written["message"], "is_staff": request.user.is_staff, "conversation": conversation}
        with track_response_time("chat_request"):
            done = async_to_sync(graph.ainvoke)(turn)
        return Response(
            {
                "conversation_id": conversation.conversation_id,
                "intent": done["intent"].value,
                "reply": done["reply"],
                "data": done["data"],
            }
        )


class StatsAPIView(APIView):
    """The statistics of a conversation."""

    permission_classes = (IsAdminUser,)

    def get(self, request, conversation_id):
        """Summarise one conversation."""
        state = conversations.get(conversation_id)
        return Response(agent_stats.generate_stats_summary(state), status=200 if state else 404)
